package org.peltast.compare;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.evaluate.Measurement;
import org.peltast.evaluate.Prompt;
import org.peltast.evaluate.Scores;
import org.peltast.evaluate.Throughput;
import org.peltast.models.GenerationSettings;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model with settings, measured: the pictures that it drew for the held-out prompts, what the
 * judge says of them, and how fast they came.
 *
 * @param name as in {@code metrics.json}
 * @param images [n, 3, H, W] in [0, 1]
 * @param again more of the first D prompts, [samples − 1, D, 3, H, W]; null where none was drawn
 */
public record Candidate(
    String name,
    GenerationSettings settings,
    Tensor images,
    @Nullable Tensor again,
    Measurement measurement,
    Throughput throughput) {
  private static final int BATCH = 64;
  private static final int TIMED = 32;

  /** The figures. */
  public Scores scores() {
    return measurement.scores();
  }

  /**
   * All pictures of a prompt: the measured one, and those that were drawn again.
   *
   * @return [samples, 3, H, W] in the caller's scope; [1, 3, H, W] of a prompt beyond the first D
   */
  public Tensor samples(int prompt) {
    Tensor first = images.narrow(0, prompt, 1);
    return again == null || prompt >= again.size(1)
        ? first
        : Tensor.cat(List.of(first, again.select(1, prompt)), 0);
  }

  /** Draws and measures; the images belong to the caller's scope. */
  public static Candidate measure(
      String name,
      TextToImage model,
      GenerationSettings settings,
      Trial trial,
      org.peltast.runs.Progress progress) {
    List<String> captions = captions(trial.prompts());
    Tensor images =
        model.generate(
            captions,
            trial.seed(),
            settings,
            BATCH,
            done ->
                progress.step(done, captions.size() + trial.again().size(), java.util.Map.of()));
    return of(name, model, settings, images, trial, progress);
  }

  /** Measures pictures that a model drew, one a prompt, and draws what diversity needs. */
  public static Candidate of(
      String name,
      TextToImage model,
      GenerationSettings settings,
      Tensor images,
      Trial trial,
      org.peltast.runs.Progress progress) {
    List<String> captions = captions(trial.prompts());
    List<String> again = captions(trial.again());
    int all = captions.size() + again.size();
    Tensor more =
        again.isEmpty()
            ? null
            : model.generate(
                again,
                otherNoise(trial.seed()),
                settings,
                BATCH,
                done -> progress.step(captions.size() + done, all, java.util.Map.of()));
    try (Scope scope = Scope.open()) {
      return new Candidate(
          name,
          settings,
          images,
          more == null ? null : scope.release(trial.bySample(more)),
          trial.measure(images, more == null ? images : more),
          speed(model, settings, captions, trial.seed()));
    }
  }

  private static List<String> captions(List<Prompt> prompts) {
    return prompts.stream().map(Prompt::caption).toList();
  }

  /** A seed whose noise has nothing to do with that of the given one. */
  private static long otherNoise(long seed) {
    return Rng.of(seed).fork("more samples").state()[0];
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
  public static List<GenerationSettings> sameCost(GenerationSettings teacher, int n) {
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
    ObjectNode json = scores().toJson();
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
