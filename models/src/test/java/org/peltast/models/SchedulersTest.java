package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.peltast.diffusion.Ddim;
import org.peltast.diffusion.DynamicShift;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.Renoise;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.StepSpacing;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;

/** What a scheduler's file says of the mathematics is read or refused, by name. */
class SchedulersTest {
  private static final List<String> ALL = new ArrayList<>();

  static {
    ALL.add(Schedulers.FLOW_EULER);
    ALL.addAll(Schedulers.VARIANCE_PRESERVING);
  }

  @TempDir Path model;

  private NoiseSchedule read(String json) throws IOException {
    Path folder = Files.createDirectories(model.resolve("scheduler"));
    Files.writeString(folder.resolve("scheduler_config.json"), json);
    return Schedulers.read(model, ALL);
  }

  private void refuses(String json, String... sentence) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("scheduler_config.json: ")
        .hasMessageContainingAll(sentence);
  }

  private static final GenerationSettings SETTINGS =
      new GenerationSettings(8, 8, StepGrid.uniform(4), Guidance.NONE, new Renoise());

  private StepSpacing spacing(String json) throws IOException {
    NoiseSchedule schedule = read(json);
    return Schedulers.spacing(model, schedule, Schedulers.VARIANCE_PRESERVING);
  }

  private static List<Long> timesteps(StepGrid grid) {
    List<Long> all = new ArrayList<>();
    for (int k = 0; k < grid.size(); k++) {
      all.add(Math.round(VariancePreserving.SDXL.timestep(grid.time(k))));
    }
    return all;
  }

  /** The timesteps that diffusers' schedulers print. */
  @Test
  void stepsAreLaidOutAsTheFileSays() throws IOException {
    String euler =
        "{\"_class_name\": \"EulerDiscreteScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012,"
            + " \"beta_schedule\": \"scaled_linear\"";
    StepGrid leading =
        spacing(euler + ", \"timestep_spacing\": \"leading\", \"steps_offset\": 1}").grid(4);
    assertThat(timesteps(leading)).containsExactly(751L, 501L, 251L, 1L);
    assertThat(leading.startScale()).isEqualTo(1);
    StepGrid trailing = spacing(euler + ", \"timestep_spacing\": \"trailing\"}").grid(7);
    assertThat(timesteps(trailing)).containsExactly(999L, 856L, 713L, 570L, 428L, 285L, 142L);
    assertThat(trailing.startScale())
        .isEqualTo(Math.sqrt(1 - VariancePreserving.SDXL.alphaBar(999)), within(1e-9));
    assertThat(timesteps(spacing(euler + "}").grid(4))).containsExactly(999L, 666L, 333L, 0L);
    StepSpacing few = spacing(euler.replace("EulerDiscrete", "LCM") + "}");
    assertThat(timesteps(few.grid(4))).containsExactly(999L, 749L, 499L, 249L);
    assertThat(few).isSameAs(StepSpacing.UNIFORM);
    assertThatThrownBy(() -> spacing(euler + ", \"timestep_spacing\": \"even\"}"))
        .hasMessageContaining("timestep_spacing must be leading, trailing or linspace");
  }

  /** A few-step generator is written for diffusers' sampler that draws as it was trained. */
  @Test
  void renoisingGeneratorsHaveTheirOwnScheduler() {
    NoiseSchedule path =
        new NoiseSchedule(VariancePreserving.SDXL, Prediction.EPSILON, TimeShift.NONE);
    List<String> all = Schedulers.VARIANCE_PRESERVING;
    assertThat(Schedulers.className(all, path, new Ddim())).isEqualTo("EulerDiscreteScheduler");
    assertThat(Schedulers.className(all, path, new Renoise())).isEqualTo("LCMScheduler");
    assertThat(
            Schedulers.className(
                List.of(Schedulers.FLOW_EULER), NoiseSchedule.flow(TimeShift.NONE), new Renoise()))
        .isEqualTo(Schedulers.FLOW_EULER);
    assertThat(
            Schedulers.json(path, "LCMScheduler", SETTINGS)
                .path("original_inference_steps")
                .intValue())
        .isEqualTo(4);
  }

  @Test
  void flowMatchingIsRectifiedFlowWithAShift() throws IOException {
    assertThat(read("{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 6.0}"))
        .isEqualTo(new NoiseSchedule(new RectifiedFlow(), Prediction.VELOCITY, new TimeShift(6)));
    assertThat(read("{}")).isEqualTo(NoiseSchedule.flow(TimeShift.NONE));
  }

  /** As FLUX's file has it; the numbers are those of a picture of 1024 × 512. */
  @Test
  void aDynamicShiftDependsOnTheSize() throws IOException {
    String json =
        "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 3.0,"
            + " \"use_dynamic_shifting\": true, \"base_shift\": 0.6}";
    NoiseSchedule schedule = read(json);
    assertThat(schedule.shift())
        .isEqualTo(new DynamicShift(256, 4096, 0.6, 1.15, DynamicShift.Type.EXPONENTIAL));
    double mu = 0.6 + (2048 - 256) * 0.55 / 3840;
    assertThat(schedule.at(2048).shift())
        .isInstanceOfSatisfying(
            TimeShift.class, s -> assertThat(s.factor()).isCloseTo(Math.exp(mu), within(1e-12)));
    NoiseSchedule linear = read(json.replace("}", ", \"time_shift_type\": \"linear\"}"));
    assertThat(linear.at(256).shift())
        .isInstanceOfSatisfying(
            TimeShift.class, s -> assertThat(s.factor()).isCloseTo(0.6, within(1e-12)));
    for (NoiseSchedule flow : List.of(schedule, linear)) {
      assertThat(read(Schedulers.json(flow, Schedulers.FLOW_EULER, SETTINGS).toString()))
          .isEqualTo(flow);
    }
  }

  /** As SDXL's own file has it, leftovers of other samplers included. */
  @Test
  void stableDiffusionsIsTheScaledLinearPath() throws IOException {
    String sdxl =
        """
        {
          "_class_name": "EulerDiscreteScheduler",
          "_diffusers_version": "0.19.0.dev0",
          "beta_end": 0.012,
          "beta_schedule": "scaled_linear",
          "beta_start": 0.00085,
          "clip_sample": false,
          "interpolation_type": "linear",
          "num_train_timesteps": 1000,
          "prediction_type": "epsilon",
          "sample_max_value": 1.0,
          "set_alpha_to_one": false,
          "skip_prk_steps": true,
          "steps_offset": 1,
          "timestep_spacing": "leading",
          "trained_betas": null,
          "use_karras_sigmas": false
        }
        """;
    NoiseSchedule expected =
        new NoiseSchedule(VariancePreserving.SDXL, Prediction.EPSILON, TimeShift.NONE);
    assertThat(read(sdxl)).isEqualTo(expected);
    for (String name : Schedulers.VARIANCE_PRESERVING) {
      assertThat(read(sdxl.replace("EulerDiscreteScheduler", name))).isEqualTo(expected);
    }
    assertThat(read(sdxl.replace("epsilon", "v_prediction")).prediction())
        .isEqualTo(Prediction.VELOCITY);
    assertThat(read(sdxl.replace("epsilon", "sample")).prediction()).isEqualTo(Prediction.SAMPLE);
  }

  @ParameterizedTest
  @EnumSource(Prediction.class)
  void whatIsWrittenIsReadAgain(Prediction prediction) throws IOException {
    NoiseSchedule schedule =
        new NoiseSchedule(new VariancePreserving(500, 0.001, 0.02), prediction, TimeShift.NONE);
    for (String name : Schedulers.VARIANCE_PRESERVING) {
      assertThat(read(Schedulers.json(schedule, name, SETTINGS).toString())).isEqualTo(schedule);
    }
    NoiseSchedule flow = NoiseSchedule.flow(new TimeShift(3));
    assertThat(read(Schedulers.json(flow, Schedulers.FLOW_EULER, SETTINGS).toString()))
        .isEqualTo(flow);
  }

  @Test
  void whatAClassCannotSayIsNotWritten() {
    assertThatThrownBy(
            () ->
                Schedulers.json(
                    NoiseSchedule.flow(TimeShift.NONE), "EulerDiscreteScheduler", SETTINGS))
        .isInstanceOf(ModelException.class);
    assertThatThrownBy(
            () ->
                Schedulers.json(
                    new NoiseSchedule(
                        VariancePreserving.SDXL, Prediction.EPSILON, new TimeShift(2)),
                    "EulerDiscreteScheduler",
                    SETTINGS))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("no shift");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"use_dynamic_shifting\": true, \"time_shift_type\": \"cubic\"|time_shift_type must be exponential or linear, but is cubic",
        "\"use_dynamic_shifting\": true, \"max_image_seq_len\": 256|a larger maximum, got 256 and 256",
        "\"use_dynamic_shifting\": \"yes\"|use_dynamic_shifting must be true or false",
        "\"use_karras_sigmas\": true|use_karras_sigmas is true",
        "\"use_exponential_sigmas\": true|use_exponential_sigmas is true",
        "\"use_beta_sigmas\": true|use_beta_sigmas is true",
        "\"invert_sigmas\": true|invert_sigmas is true",
        "\"stochastic_sampling\": true|stochastic_sampling is true",
        "\"shift_terminal\": 0.02|shift_terminal is set",
        "\"num_train_timesteps\": 0|num_train_timesteps must be positive",
        "\"shift\": 0|shift must be positive",
        "\"shift\": \"3\"|shift must be a number",
        "\"beta_schedule\": \"scaled_linear\"|the key beta_schedule is not one of FlowMatch",
        "\"warp\": 2|the key warp is not one of FlowMatchEulerDiscreteScheduler",
      })
  void flowsThatAreNotComputedAreRefused(String key, String sentence) {
    refuses("{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", " + key + "}", sentence);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"beta_schedule\": \"linear\"|beta_schedule is linear, which is not supported; only scaled_linear is",
        "\"beta_schedule\": \"squaredcos_cap_v2\"|beta_schedule is squaredcos_cap_v2",
        "\"prediction_type\": \"flow_prediction\"|prediction_type must be epsilon, v_prediction or sample, but is flow_prediction",
        "\"timestep_type\": \"continuous\"|timestep_type is continuous",
        "\"rescale_betas_zero_snr\": true|rescale_betas_zero_snr is true",
        "\"use_karras_sigmas\": true|use_karras_sigmas is true",
        "\"use_flow_sigmas\": true|use_flow_sigmas is true",
        "\"thresholding\": true|thresholding is true",
        "\"clip_sample\": true|clip_sample is true, which is not supported; set it to false",
        "\"trained_betas\": [0.1, 0.2]|trained_betas is set",
        "\"sigma_max\": 80|sigma_max is set",
        "\"beta_start\": 0.5|0 < βstart ≤ βend < 1",
        "\"num_train_timesteps\": 1|2 or more steps",
        "\"sigma_data\": 0.5|the key sigma_data is not one of EulerDiscreteScheduler",
      })
  void pathsThatAreNotComputedAreRefused(String key, String sentence) {
    String rest = key.contains("beta_schedule") ? "" : ", \"beta_schedule\": \"scaled_linear\"";
    refuses("{\"_class_name\": \"EulerDiscreteScheduler\", " + key + rest + "}", sentence);
  }

  /** Diffusers' own defaults are meant where a key is absent. */
  @Test
  void defaultsCountToo() {
    refuses(
        "{\"_class_name\": \"EulerDiscreteScheduler\"}",
        "beta_schedule is linear by default, which is not supported");
    refuses(
        "{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": \"scaled_linear\"}",
        "clip_sample is true by default");
  }

  @Test
  void unknownClassesAreRefusedByName() {
    refuses(
        "{\"_class_name\": \"EDMEulerScheduler\"}",
        "_class_name is EDMEulerScheduler; the scheduler supported is FlowMatchEuler");
  }
}
