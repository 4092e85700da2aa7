package org.peltast.models.sdxl;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.models.Backbone;
import org.peltast.models.GoldenFile;
import org.peltast.models.ModelException;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.codec.Codec;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.text.Captions;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Range;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.WorkerPool;

/**
 * SDXL's reference pipeline, for comparison: guidance {@code u + s(c − u)} for s above 1, zeros in
 * place of a negative prompt that is not given.
 */
final class SdxlPipeline {
  private SdxlPipeline() {}

  /** The final latents, and their picture if the golden file asks for it. */
  static Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device) {
    SdxlFamily family = SdxlFamily.INSTANCE;
    double scale = golden.number("guidance_scale");
    Guidance guidance = scale > 1 ? new Guidance(scale) : Guidance.NONE;
    NoiseSchedule schedule = ModelFolder.schedule(folder, family);
    StepGrid grid = ModelFolder.spacing(folder, family).grid(golden.integer("steps"));
    Map<String, Tensor> answers = new LinkedHashMap<>();
    try (Autograd off = Autograd.off();
        Backbone network =
            family.open(
                Component.of(folder.resolve(family.networkComponent())),
                schedule,
                0,
                device,
                golden.precision())) {
      golden.mergeLora(network);
      List<Condition> conditions = conditions(folder, golden, device);
      Tensor start = golden.input("latents");
      Denoiser denoiser = schedule.denoiser(network);
      Tensor latents =
          WorkerPool.rows(
              (int) start.size(0),
              device,
              some -> {
                Network.Text text = network.read(some(conditions.get(0), some));
                return schedule
                    .sampler()
                    .sample(
                        denoiser,
                        grid,
                        guidance,
                        start.narrow(0, some.from(), some.count()),
                        text,
                        guidance.isOn() ? network.read(some(conditions.get(1), some)) : null,
                        k -> start, // of no use without noise between steps
                        null);
              });
      answers.put("latents", latents);
      if (golden.outputs().containsKey("image")) {
        try (Codec codec = family.openCodec(Component.of(folder.resolve("vae")), device)) {
          answers.put("image", codec.decode(latents).clamp(0, 1));
        }
      }
    }
    return answers;
  }

  /** The prompts' condition and the one that guidance leads away from. */
  private static List<Condition> conditions(Path folder, GoldenFile golden, Device device) {
    if (!golden.hasInput("prompt_embeds")) {
      List<String> prompts = golden.texts("prompts");
      try (SdxlTextEncoder encoder = encoder(folder)) {
        Captions captions = new Captions(encoder, device);
        return List.of(captions.of(prompts), captions.empty(prompts.size()));
      }
    }
    Condition given = condition(golden, "prompt_embeds", "pooled_prompt_embeds");
    return List.of(
        given,
        golden.hasInput("negative_prompt_embeds")
            ? condition(golden, "negative_prompt_embeds", "negative_pooled_prompt_embeds")
            : zeros(given));
  }

  private static Condition condition(GoldenFile golden, String features, String pooled) {
    Tensor tokens = golden.input(features);
    Map<String, Tensor> vectors = new TreeMap<>();
    vectors.put(SdxlUNet.POOLED, golden.input(pooled));
    if (golden.hasInput(SdxlUNet.SIZES)) {
      Tensor sizes = golden.input(SdxlUNet.SIZES);
      vectors.put(
          SdxlUNet.SIZES,
          sizes.size(0) == tokens.size(0) ? sizes : sizes.expand(tokens.size(0), sizes.size(1)));
    }
    return new Condition(
        tokens, Collections.nCopies((int) tokens.size(0), (int) tokens.size(1)), vectors);
  }

  private static Condition some(Condition all, Range items) {
    return all.narrow(items.from(), items.count());
  }

  private static Condition zeros(Condition like) {
    Map<String, Tensor> vectors = new TreeMap<>(like.vectors());
    vectors.put(SdxlUNet.POOLED, like.vector(SdxlUNet.POOLED).mul(0));
    return new Condition(like.features().mul(0), like.lengths(), vectors);
  }

  /** Features and ids of the prompts in a golden file's metadata. */
  static Map<String, Tensor> encode(Path folder, GoldenFile golden) {
    List<String> prompts = golden.texts("prompts");
    try (SdxlTextEncoder encoder = encoder(folder)) {
      List<Tensor> features = new ArrayList<>();
      List<Tensor> pooled = new ArrayList<>();
      for (TokenFeatures f : encoder.encodeAsText(prompts)) {
        float[] vector = f.vectors().get(SdxlUNet.POOLED);
        if (vector == null) {
          throw new ModelException("there is no pooled feature"); // it is made with the others
        }
        features.add(Tensor.of(f.values(), f.tokens(), f.width()));
        pooled.add(Tensor.of(vector, vector.length));
      }
      List<long[][]> ids = encoder.tokenIds(prompts);
      return Map.of(
          "prompt_embeds", Tensor.stack(features, 0),
          "pooled_prompt_embeds", Tensor.stack(pooled, 0),
          "input_ids", matrix(ids.get(0)),
          "input_ids_2", matrix(ids.get(1)));
    }
  }

  private static Tensor matrix(long[][] rows) {
    List<Tensor> all = new ArrayList<>();
    for (long[] row : rows) {
      all.add(Tensor.of(row, row.length));
    }
    return Tensor.stack(all, 0);
  }

  private static SdxlTextEncoder encoder(Path folder) {
    return new SdxlTextEncoder(ModelSource.of(folder), zerosForEmpty(folder));
  }

  /** As the folder's index says; diffusers' default is true. */
  static boolean zerosForEmpty(Path folder) {
    Path index = folder.resolve("model_index.json");
    @Nullable JsonConfig json = Files.exists(index) ? JsonConfig.read(index) : null;
    return json == null || json.bool("force_zeros_for_empty_prompt", true);
  }
}
