package org.peltast.compare;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Evaluation;
import org.peltast.evaluate.FeatureTable;
import org.peltast.evaluate.GaussianStatistics;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.Measurement;
import org.peltast.evaluate.Prompt;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.training.Corpus;
import org.peltast.training.Examples;

/**
 * What every candidate is measured on alike: the prompts with their real pictures, the reference,
 * and how many pictures of a prompt diversity is taken from.
 */
public final class Trial {
  private static final int TOGETHER = 64;
  private static final int FLOOR_SPLITS = 8;

  private final Corpus.Measured set;
  private final List<Prompt> prompts;
  private final Evaluation evaluation;
  private final Judge judge;
  private final FeatureTable real;
  private final boolean spread;
  private final int diverse;
  private final int samples;
  private final long seed;

  /**
   * A trial.
   *
   * @param judge used, not closed
   * @param folder the judge's
   * @param encoder the text encoder of the models that are measured, for judges without their own
   * @param set prompts, real pictures and reference
   * @param diverse so many of the prompts are drawn several times for the measures of diversity, at
   *     most; fewer if there are fewer
   * @param samples pictures of each of these; 1 leaves diversity out
   * @param seed of noise and resampling
   */
  public Trial(
      Judge judge,
      JudgeFolder folder,
      TextEncoder encoder,
      Corpus.Measured set,
      int diverse,
      int samples,
      long seed) {
    this.set = set;
    this.judge = judge;
    this.prompts = set.examples().prompts();
    this.real = features(judge, set.examples());
    // The judge's folder has the statistics of the emoji; other pictures are their own reference.
    GaussianStatistics reference =
        set.reference()
            .map(other -> GaussianStatistics.of(features(judge, other)))
            .orElseGet(folder::reference);
    this.spread = reference.isSpread();
    this.evaluation = new Evaluation(judge, encoder, reference, seed);
    this.diverse = samples < 2 ? 0 : Math.min(diverse, prompts.size());
    this.samples = samples;
    this.seed = seed;
  }

  /** The judge's features of real pictures, in parts that fit memory. */
  private static FeatureTable features(Judge judge, Examples examples) {
    List<FeatureTable> parts = new ArrayList<>();
    for (int from = 0; from < examples.size(); from += TOGETHER) {
      try (Scope scope = Scope.open()) {
        Examples some = examples.part(from, Math.min(from + TOGETHER, examples.size()));
        parts.add(judge.see(some.real()).features());
      }
    }
    return FeatureTable.joined(parts);
  }

  /** What it is over. */
  public Corpus.Measured set() {
    return set;
  }

  /** Whether the real pictures differ, so that diversity has a unit. */
  public boolean isSpread() {
    return spread;
  }

  /** What is asked for, in order. */
  public List<Prompt> prompts() {
    return prompts;
  }

  /** Of noise and resampling. */
  public long seed() {
    return seed;
  }

  /**
   * The prompts that are drawn again, for diversity: each {@code samples − 1} times, in the order
   * in which the pictures come; empty without diversity.
   */
  List<Prompt> again() {
    List<Prompt> again = new ArrayList<>();
    for (int sample = 1; sample < samples && diverse > 0; sample++) {
      again.addAll(prompts.subList(0, diverse));
    }
    return again;
  }

  /** Pictures of {@link #again}, [samples − 1, prompts, 3, H, W]. */
  Tensor bySample(Tensor more) {
    return more.reshape(samples - 1, diverse, more.size(1), more.size(2), more.size(3));
  }

  /**
   * Measures a candidate's pictures.
   *
   * @param images [n, 3, H, W], one a prompt
   * @param more one for each of {@link #again}; any tensor if that is empty
   */
  Measurement measure(Tensor images, Tensor more) {
    if (diverse == 0) {
      return evaluation.measure(images, prompts, real, null);
    }
    List<Prompt> all = new ArrayList<>(prompts.subList(0, diverse));
    all.addAll(again());
    Tensor together = Tensor.cat(List.of(images.narrow(0, 0, diverse), more), 0);
    return evaluation.measure(images, prompts, real, new Evaluation.Samples(together, all));
  }

  /** The real pictures of the same prompts, as if a candidate had drawn them. */
  public Measurement real() {
    return evaluation.measure(set.examples().real(), prompts, null, null);
  }

  /** Real pictures against real ones, over all there are; null if these are fewer than four. */
  public Evaluation.@Nullable NoiseFloor noiseFloor() {
    return set.all().size() < 4
        ? null
        : evaluation.noiseFloor(
            set.all().size() == prompts.size() ? real : features(judge, set.all()), FLOOR_SPLITS);
  }
}
