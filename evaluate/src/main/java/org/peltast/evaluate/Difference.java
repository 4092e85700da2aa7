package org.peltast.evaluate;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A figure of one candidate minus that of another on the same prompts, with the interval of the
 * difference itself, and the one place that decides whether it may be called better or worse: only
 * where the interval excludes 0.
 *
 * @param measure of what
 * @param value ours − theirs
 * @param interval 95 %, or null if there were too few pictures for one
 */
public record Difference(Measure measure, double value, @Nullable Interval interval) {

  /** What may be said. */
  public enum Verdict {
    BETTER("better"),
    WORSE("worse"),
    HIGHER("higher"),
    LOWER("lower"),
    UNDECIDED("no difference shown");

    private final String words;

    Verdict(String words) {
      this.words = words;
    }

    /** It in words. */
    public String words() {
      return words;
    }
  }

  /** What may be said of ours beside theirs. */
  public Verdict verdict() {
    if (interval == null || !(interval.low() > 0 || interval.high() < 0)) {
      return Verdict.UNDECIDED;
    }
    boolean higher = interval.low() > 0;
    return switch (measure.good()) {
      case LOW -> higher ? Verdict.WORSE : Verdict.BETTER;
      case HIGH -> higher ? Verdict.BETTER : Verdict.WORSE;
      case NEITHER -> higher ? Verdict.HIGHER : Verdict.LOWER;
    };
  }

  /**
   * The mean of one difference over runs from several seeds, as it holds for other seeds and other
   * prompts: Student's t over the seeds and the runs' own intervals, added as variances. As each
   * run is compared with that of the same seed, what a seed does to both cancels.
   *
   * @param runs the same measure, two or more
   * @return without an interval if a run has none
   */
  public static Difference overSeeds(List<Difference> runs) {
    SeedSpread spread = SeedSpread.of(runs.stream().map(Difference::value).toList());
    double prompts = 0; // half the width, on average
    for (Difference run : runs) {
      Interval own = run.interval();
      if (own == null) {
        return new Difference(run.measure(), spread.mean(), null);
      }
      prompts += (own.high() - own.low()) / 2 / runs.size();
    }
    double half = Math.hypot(spread.half(), prompts);
    return new Difference(
        runs.get(0).measure(),
        spread.mean(),
        new Interval(spread.mean() - half, spread.mean() + half));
  }

  /** The verdict as the end of a sentence: "better than the teacher". */
  public String against(String theirs) {
    return verdict() == Verdict.UNDECIDED
        ? verdict().words() + " from " + theirs
        : verdict().words() + " than " + theirs;
  }
}
