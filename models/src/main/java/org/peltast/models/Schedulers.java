package org.peltast.models;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.peltast.diffusion.DiffusionException;
import org.peltast.diffusion.DiscreteSpacing;
import org.peltast.diffusion.DynamicShift;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.Renoise;
import org.peltast.diffusion.Sampler;
import org.peltast.diffusion.StepSpacing;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.models.files.JsonConfig;
import tools.jackson.databind.node.ObjectNode;

/**
 * Schedulers' configurations, {@code scheduler/scheduler_config.json} of diffusers, read as the
 * {@link NoiseSchedule} that a network was trained with.
 *
 * <p>A scheduler's file says two things at once: the noise path (with what is predicted on it), and
 * how diffusers' sampler steps through it. The first is read as a {@link NoiseSchedule}; of the
 * second, where steps are laid is read as a {@link StepSpacing}, and what bends the steps' noise
 * levels in a way that is not computed here (Karras' sigmas, a terminal shift, thresholding, …) is
 * refused by name. So is every key that is not known: it might be either.
 */
public final class Schedulers {
  /** Rectified flow with a static or a dynamic shift. */
  public static final String FLOW_EULER = "FlowMatchEulerDiscreteScheduler";

  /** Samplers of one and the same path, that of Stable Diffusion; the first is written. */
  public static final List<String> VARIANCE_PRESERVING =
      List.of(
          "EulerDiscreteScheduler",
          "DDIMScheduler",
          "DDPMScheduler",
          "EulerAncestralDiscreteScheduler",
          "PNDMScheduler",
          "LCMScheduler");

  /** The scheduler of few-step generators on that path: predicts, and noises afresh. */
  private static final String RENOISING = "LCMScheduler";

  private static final int TRAIN_TIMESTEPS = 1000;

  /** Off unless set to true; there is no computing what they ask for. */
  private static final List<String> SWITCHES =
      List.of(
          "use_karras_sigmas",
          "use_exponential_sigmas",
          "use_beta_sigmas",
          "use_flow_sigmas",
          "invert_sigmas",
          "stochastic_sampling",
          "rescale_betas_zero_snr",
          "thresholding",
          "clip_sample");

  /** Off unless set to anything. */
  private static final List<String> SETTINGS =
      List.of("shift_terminal", "trained_betas", "sigma_min", "sigma_max");

  /** Used only by what is off, or by diffusers' own choice of steps. */
  private static final Set<String> PASSED_OVER =
      Set.of(
          "clip_sample_range",
          "dynamic_thresholding_ratio",
          "sample_max_value",
          "set_alpha_to_one",
          "skip_prk_steps",
          "variance_type");

  private static final Set<String> FLOW_KEYS =
      Set.of(
          "num_train_timesteps",
          "shift",
          "use_dynamic_shifting",
          "base_image_seq_len",
          "base_shift",
          "max_image_seq_len",
          "max_shift",
          "time_shift_type");

  private static final Set<String> VP_KEYS =
      Set.of(
          "num_train_timesteps",
          "beta_start",
          "beta_end",
          "beta_schedule",
          "prediction_type",
          "timestep_type",
          "timestep_spacing",
          "steps_offset",
          "final_sigmas_type",
          "interpolation_type",
          "original_inference_steps",
          "timestep_scaling");

  private Schedulers() {}

  /**
   * The schedule of a model's folder.
   *
   * @param supported the classes that fit the model's network, of those known here; a file that
   *     names none has the first
   * @throws ModelException naming file and key, if class, key or value is not supported
   */
  static NoiseSchedule read(Path model, List<String> supported) {
    JsonConfig json = file(model);
    String name = json.string("_class_name", supported.get(0));
    boolean flow = name.equals(FLOW_EULER);
    if (!supported.contains(name) || !(flow || VARIANCE_PRESERVING.contains(name))) {
      throw new ModelException(
          json.file()
              + ": _class_name is "
              + name
              + "; the scheduler supported is "
              + String.join(" or ", supported));
    }
    requireSupported(json, flow ? FLOW_KEYS : VP_KEYS, name);
    try {
      return flow ? flow(json) : variancePreserving(json);
    } catch (DiffusionException e) {
      throw new ModelException(json.file() + ": " + e.getMessage(), e);
    }
  }

  private static JsonConfig file(Path model) {
    return JsonConfig.read(model.resolve("scheduler").resolve("scheduler_config.json"));
  }

  /**
   * How a model's scheduler lays out steps, by a file that {@link #read} has accepted.
   *
   * @throws ModelException naming file and key, if the spacing is not supported
   */
  static StepSpacing spacing(Path model, NoiseSchedule schedule, List<String> supported) {
    JsonConfig json = file(model);
    String name = json.string("_class_name", supported.get(0));
    if (!(schedule.path() instanceof VariancePreserving path) || name.equals(RENOISING)) {
      return StepSpacing.UNIFORM;
    }
    boolean euler = name.startsWith("Euler");
    String spacing = json.string("timestep_spacing", euler ? "linspace" : "leading");
    if (!List.of("leading", "trailing", "linspace").contains(spacing)) {
      throw new ModelException(
          json.file()
              + ": timestep_spacing must be leading, trailing or linspace, but is "
              + spacing);
    }
    int offset = json.integer("steps_offset", 0);
    if (offset < 0) {
      throw new ModelException(json.file() + ": steps_offset must not be negative");
    }
    DiscreteSpacing.Kind kind = DiscreteSpacing.Kind.valueOf(spacing.toUpperCase(Locale.ROOT));
    return new DiscreteSpacing(path, kind, offset, euler && kind != DiscreteSpacing.Kind.LEADING);
  }

  /** The one of a family's schedulers that draws as a model is meant to draw. */
  static String className(List<String> supported, NoiseSchedule schedule, Sampler sampler) {
    boolean renoising =
        schedule.path() instanceof VariancePreserving
            && sampler instanceof Renoise
            && supported.contains(RENOISING);
    return renoising ? RENOISING : supported.get(0);
  }

  private static void requireSupported(JsonConfig json, Set<String> own, String name) {
    for (String key : SWITCHES) {
      if (json.bool(key, key.equals("clip_sample") && clipsByDefault(name))) {
        throw new ModelException(
            json.file()
                + ": "
                + key
                + (json.has(key) ? " is true" : " is true by default")
                + ", which is not supported"
                + (own == FLOW_KEYS ? "" : "; set it to false"));
      }
    }
    for (String key : SETTINGS) {
      if (json.has(key)) {
        throw new ModelException(json.file() + ": " + key + " is set, which is not supported");
      }
    }
    for (String key : json.keys()) {
      if (!key.startsWith("_")
          && json.has(key)
          && !own.contains(key)
          && !SWITCHES.contains(key)
          && !PASSED_OVER.contains(key)) {
        throw new ModelException(
            json.file()
                + ": the key "
                + key
                + " is not one of "
                + name
                + " that is supported; take it out if the model was not trained with it");
      }
    }
  }

  /** These two clip the predicted clean picture to [−1, 1] unless told otherwise. */
  private static boolean clipsByDefault(String name) {
    return name.equals("DDIMScheduler") || name.equals("DDPMScheduler");
  }

  private static int timesteps(JsonConfig json) {
    int steps = json.integer("num_train_timesteps", TRAIN_TIMESTEPS);
    if (steps < 1) {
      throw new ModelException(json.file() + ": num_train_timesteps must be positive");
    }
    return steps;
  }

  private static NoiseSchedule flow(JsonConfig json) {
    timesteps(json); // the network's own times are in [0, 1]
    if (!json.bool("use_dynamic_shifting", false)) {
      return NoiseSchedule.flow(new TimeShift(json.number("shift", 1.0)));
    }
    String type = json.string("time_shift_type", "exponential");
    return NoiseSchedule.flow(
        new DynamicShift(
            json.integer("base_image_seq_len", 256),
            json.integer("max_image_seq_len", 4096),
            json.number("base_shift", 0.5),
            json.number("max_shift", 1.15),
            switch (type) {
              case "exponential" -> DynamicShift.Type.EXPONENTIAL;
              case "linear" -> DynamicShift.Type.LINEAR;
              default ->
                  throw new ModelException(
                      json.file()
                          + ": time_shift_type must be exponential or linear, but is "
                          + type);
            }));
  }

  private static NoiseSchedule variancePreserving(JsonConfig json) {
    require(json, "beta_schedule", "linear", "scaled_linear");
    require(json, "timestep_type", "discrete", "discrete");
    require(json, "final_sigmas_type", "zero", "zero");
    require(json, "interpolation_type", "linear", "linear");
    String prediction = json.string("prediction_type", "epsilon");
    return new NoiseSchedule(
        new VariancePreserving(
            timesteps(json), json.number("beta_start", 0.0001), json.number("beta_end", 0.02)),
        switch (prediction) {
          case "epsilon" -> Prediction.EPSILON;
          case "v_prediction" -> Prediction.VELOCITY;
          case "sample" -> Prediction.SAMPLE;
          default ->
              throw new ModelException(
                  json.file()
                      + ": prediction_type must be epsilon, v_prediction or sample, but is "
                      + prediction);
        },
        TimeShift.NONE);
  }

  private static void require(JsonConfig json, String key, String otherwise, String supported) {
    String value = json.string(key, otherwise);
    if (!value.equals(supported)) {
      throw new ModelException(
          json.file()
              + ": "
              + key
              + " is "
              + value
              + (json.has(key) ? "" : " by default")
              + ", which is not supported; only "
              + supported
              + " is");
    }
  }

  /**
   * The configuration of a schedule.
   *
   * @param className of the scheduler
   * @param settings that the model is meant to be drawn with
   */
  static ObjectNode json(NoiseSchedule schedule, String className, GenerationSettings settings) {
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("_class_name", className);
    if (schedule.path() instanceof VariancePreserving vp
        && VARIANCE_PRESERVING.contains(className)) {
      json.put("beta_end", vp.betaEnd());
      json.put("beta_schedule", "scaled_linear");
      json.put("beta_start", vp.betaStart());
      if (clipsByDefault(className)) {
        json.put("clip_sample", false);
      }
      json.put("num_train_timesteps", vp.steps());
      json.put(
          "prediction_type",
          switch (schedule.prediction()) {
            case EPSILON -> "epsilon";
            case VELOCITY -> "v_prediction";
            case SAMPLE -> "sample";
          });
      if (className.equals(RENOISING)) {
        // Of so many timesteps it then takes all: 999, 749, 499 and 249 for four steps.
        json.put("original_inference_steps", settings.grid().size());
      } else if (settings.spacing() instanceof DiscreteSpacing spacing) {
        json.put("steps_offset", spacing.offset());
        json.put("timestep_spacing", spacing.kind().name().toLowerCase(Locale.ROOT));
      } else {
        json.put("timestep_spacing", "trailing"); // uniform grids begin at the noisiest step
      }
      if (!schedule.shift().equals(TimeShift.NONE)) {
        throw new ModelException("a " + className + " has no shift, so it cannot be written");
      }
      return json;
    }
    if (schedule.path() instanceof RectifiedFlow
        && schedule.prediction() == Prediction.VELOCITY
        && className.equals(FLOW_EULER)) {
      json.put("num_train_timesteps", TRAIN_TIMESTEPS);
      if (schedule.shift() instanceof DynamicShift dynamic) {
        json.put("base_image_seq_len", dynamic.baseLength());
        json.put("base_shift", dynamic.baseShift());
        json.put("max_image_seq_len", dynamic.maxLength());
        json.put("max_shift", dynamic.maxShift());
        json.put(
            "time_shift_type",
            dynamic.type() == DynamicShift.Type.EXPONENTIAL ? "exponential" : "linear");
      } else if (schedule.shift() instanceof TimeShift fixed) {
        json.put("shift", fixed.factor());
      }
      json.put("use_dynamic_shifting", schedule.shift() instanceof DynamicShift);
      return json;
    }
    throw new ModelException("a " + className + " cannot say the schedule " + schedule);
  }
}
