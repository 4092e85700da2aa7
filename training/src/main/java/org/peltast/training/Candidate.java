package org.peltast.training;

import java.util.List;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.evaluate.Evaluation;
import org.peltast.evaluate.Prompt;
import org.peltast.evaluate.Scores;
import org.peltast.evaluate.Throughput;
import org.peltast.models.GenerationSettings;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model with settings, measured: the pictures that it drew for the held-out prompts, what the
 * judge says of them, and how fast they came.
 *
 * @param name as in {@code metrics.json}
 * @param images [n, 3, H, W] in [0, 1]
 */
public record Candidate(
    String name, GenerationSettings settings, Tensor images, Scores scores, Throughput throughput) {
  private static final int BATCH = 64;
  private static final int TIMED = 32;

  /** Draws and measures; the images belong to the caller's scope. */
  public static Candidate measure(
      String name,
      TextToImage model,
      GenerationSettings settings,
      List<Prompt> prompts,
      Evaluation evaluation,
      long seed,
      org.peltast.runs.Progress progress) {
    List<String> captions = prompts.stream().map(Prompt::caption).toList();
    Tensor images =
        model.generate(
            captions,
            seed,
            settings,
            BATCH,
            done -> progress.step(done, captions.size(), java.util.Map.of()));
    return new Candidate(
        name,
        settings,
        images,
        evaluation.score(images, prompts),
        speed(model, settings, captions, seed));
  }

  /** Denoising and decoding apart, for a batch; long samplers are timed once. */
  private static Throughput speed(
      TextToImage model, GenerationSettings settings, List<String> captions, long seed) {
    List<String> some = captions.subList(0, Math.min(TIMED, captions.size()));
    try (Scope scope = Scope.open()) {
      Captions texts = new Captions(model.textEncoder(), model.device());
      var condition = texts.of(some);
      var empty = settings.guidance().isOn() ? texts.empty(some.size()) : null;
      int repeats = settings.evaluations() > 20 ? 1 : 3;
      return Throughput.measure(
          () -> model.latents(condition, empty, seed, 0, settings),
          model::decode,
          some.size(),
          repeats > 1 ? 1 : 0,
          repeats);
    }
  }

  /** The teacher's settings that cost as many evaluations as n unguided steps. */
  static List<GenerationSettings> sameCost(GenerationSettings teacher, int n) {
    List<GenerationSettings> all = new java.util.ArrayList<>();
    for (String sampler : List.of("euler", "renoise")) {
      GenerationSettings by = teacher.withSampler(GenerationSettings.sampler(sampler));
      if (n == 1 && sampler.equals("renoise")) {
        continue; // one step is the same by either
      }
      all.add(by.withGrid(StepGrid.uniform(n)).withGuidance(Guidance.NONE.alpha()));
      if (n % 2 == 0 && (n > 2 || sampler.equals("euler"))) {
        all.add(by.withGrid(StepGrid.uniform(n / 2)));
      }
    }
    return all;
  }

  /** The figures as {@code metrics.json} has them. */
  public ObjectNode toJson() {
    ObjectNode json = scores.toJson();
    json.put("steps", settings.grid().size());
    json.put("guidance", settings.guidance().alpha());
    json.put("sampler", GenerationSettings.name(settings.sampler()));
    json.put("evaluations", settings.evaluations());
    json.put("denoiseMillis", throughput.denoiseMillis());
    json.put("decodeMillis", throughput.decodeMillis());
    json.put("imagesPerSecond", throughput.imagesPerSecond());
    return json;
  }
}
