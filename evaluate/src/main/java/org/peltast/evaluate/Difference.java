package org.peltast.evaluate;

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

  /** The verdict as the end of a sentence: "better than the teacher". */
  public String against(String theirs) {
    return verdict() == Verdict.UNDECIDED
        ? verdict().words() + " from " + theirs
        : verdict().words() + " than " + theirs;
  }
}
