package org.peltast.models.zimage;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.EulerOde;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.StepGrid;
import org.peltast.models.GoldenFile;
import org.peltast.models.ModelFolder;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Codecs;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Z-Image's reference pipeline, with its own conventions, for comparison: guidance {@code c + s(c −
 * u)} for every positive s (so α = 1 + s), a limit on the guided prediction's norm, and no guidance
 * past a time.
 */
final class ZImagePipeline {
  /** The patch size that the reference pipeline calls its transformer with. */
  private static final int PATCH = 2;

  private ZImagePipeline() {}

  /**
   * Guidance as the pipeline's arguments say it.
   *
   * @param scale s; 0 is none
   * @param limit the guided prediction's norm is at most this times the conditional one's; 0 is off
   * @param truncation beyond this network time guidance is off
   */
  private record Arguments(double scale, double limit, double truncation) {
    static Arguments of(GoldenFile golden) {
      return new Arguments(
          golden.has("guidance_scale") ? golden.number("guidance_scale") : 0,
          limit(golden),
          golden.has("cfg_truncation") && !isNone(golden.text("cfg_truncation"))
              ? golden.number("cfg_truncation")
              : Double.POSITIVE_INFINITY);
    }

    private static boolean isNone(String text) {
      return List.of("none", "null", "false", "").contains(text.toLowerCase(Locale.ROOT));
    }

    /** The reference takes a truth value for a number: True limits to 1. */
    private static double limit(GoldenFile golden) {
      if (!golden.has("cfg_normalization") || isNone(golden.text("cfg_normalization"))) {
        return 0;
      }
      return golden.text("cfg_normalization").equalsIgnoreCase("true")
          ? 1
          : golden.number("cfg_normalization");
    }

    /** The reference compares in float32, which decides where the times meet the bound exactly. */
    boolean isOn(double time) {
      float timestep = (float) ((1 - time) * 1000);
      float networkTime = (1000 - timestep) / 1000;
      boolean truncated = truncation <= 1 && networkTime > truncation;
      return scale > 0 && !truncated;
    }
  }

  /** The final latents, and their picture if the golden file asks for it. */
  static Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device) {
    int patch = golden.has("patch_size") ? golden.integer("patch_size") : PATCH;
    Arguments arguments = Arguments.of(golden);
    Map<String, Tensor> answers = new LinkedHashMap<>();
    try (Autograd off = Autograd.off();
        ZImageTransformer network =
            ZImageFiles.load(
                Component.of(folder.resolve(ZImageFamily.INSTANCE.networkComponent())),
                patch,
                device,
                golden.precision())) {
      Denoiser denoiser = ModelFolder.schedule(folder, ZImageFamily.INSTANCE).denoiser(network);
      Network.Text text =
          network.read(golden.condition(golden.input("prompt_embeds"), "prompt_attention_mask"));
      Network.Text none =
          arguments.scale() > 0
              ? network.read(
                  golden.condition(
                      golden.input("negative_prompt_embeds"), "negative_prompt_attention_mask"))
              : null;
      Tensor latents =
          walk(
              denoiser,
              StepGrid.uniform(golden.integer("steps")),
              arguments,
              golden.input("latents"),
              text,
              none);
      answers.put("latents", latents);
      if (golden.outputs().containsKey("image")) {
        String name =
            JsonConfig.read(folder.resolve("vae").resolve("config.json")).string("_class_name", "");
        if (Codecs.CLASSES.contains(name)) {
          try (Codec codec = Codecs.load(folder.resolve("vae"), device)) {
            answers.put("image", codec.decode(latents).clamp(0, 1));
          }
        }
      }
    }
    return answers;
  }

  private static Tensor walk(
      Denoiser denoiser,
      StepGrid grid,
      Arguments arguments,
      Tensor start,
      Network.Text text,
      Network.@Nullable Text none) {
    Network.Text both = none == null ? text : text.followedBy(none);
    EulerOde euler = new EulerOde();
    Tensor x = start;
    for (int k = 0; k < grid.size(); k++) {
      double t = denoiser.shift().apply(grid.time(k));
      double next = denoiser.shift().apply(grid.time(k + 1));
      double preShift = grid.time(k);
      Tensor from = x;
      x =
          Scope.compute(
              () -> {
                Tensor velocity;
                if (arguments.isOn(t)) {
                  Tensor twice = Tensor.cat(List.of(from, from), 0);
                  List<Tensor> halves =
                      denoiser
                          .network()
                          .forward(twice, denoiser.at(preShift, twice), both)
                          .chunk(2, 0);
                  velocity = guided(arguments, halves.get(0), halves.get(1));
                } else {
                  velocity = denoiser.network().forward(from, denoiser.at(preShift, from), text);
                }
                Tensor clean =
                    denoiser
                        .path()
                        .clean(
                            denoiser.network().prediction(),
                            velocity,
                            from,
                            denoiser.at(preShift, from));
                return euler.step(denoiser.path(), from, clean, t, next, from);
              });
    }
    return x;
  }

  private static Tensor guided(Arguments arguments, Tensor conditional, Tensor unconditional) {
    Tensor guided = new Guidance(1 + arguments.scale()).apply(conditional, unconditional);
    if (arguments.limit() <= 0) {
      return guided;
    }
    Tensor most = conditional.norm(true, 1, 2, 3).mul(arguments.limit()); // [B, 1, 1, 1]
    Tensor norm = guided.norm(true, 1, 2, 3).add(1e-30); // an untrained network may answer zeros
    return guided.mul(most.div(norm).clamp(0, 1));
  }
}
