package org.peltast.paper;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.SeedSpread;

/**
 * What was found of a claim.
 *
 * @param claim as registered
 * @param seeds that all of its runs are there for
 * @param findings one for each check, in order
 */
record Verdict(Claims.Claim claim, List<Long> seeds, List<Finding> findings) {
  /** Copies the lists. */
  Verdict {
    seeds = List.copyOf(seeds);
    findings = List.copyOf(findings);
  }

  /** What may be said of a check or a claim. */
  enum Outcome {
    CONFIRMED("confirmed"),
    /** The interval lies on the wrong side. */
    NOT_AT_THIS_SCALE("not at this scale"),
    UNDECIDED("undecided"),
    NOT_RUN("not run");

    private final String words;

    Outcome(String words) {
      this.words = words;
    }

    /** It in words. */
    String words() {
      return words;
    }
  }

  /**
   * What was found of a check.
   *
   * @param effect the mean over seeds of the number, the difference or the ratio; NaN if not run
   * @param interval 95 %; null with fewer than two seeds
   */
  record Finding(Claims.Check check, double effect, @Nullable Interval interval, Outcome outcome) {
    /** "+8.12 [6.90, 9.35]". */
    String words() {
      if (outcome == Outcome.NOT_RUN) {
        return "–";
      }
      String value = String.format(Locale.ROOT, check.isRatio() ? "× %.3g" : "%+.3f", effect);
      return interval == null
          ? value
          : value
              + String.format(
                  Locale.ROOT,
                  check.isRatio() ? " [%.3g, %.3g]" : " [%+.3f, %+.3f]",
                  interval.low(),
                  interval.high());
    }
  }

  /** All checks hold; or one fails; or nothing can be said. */
  Outcome outcome() {
    List<Outcome> all = findings.stream().map(Finding::outcome).toList();
    if (all.contains(Outcome.NOT_AT_THIS_SCALE)) {
      return Outcome.NOT_AT_THIS_SCALE;
    }
    if (all.contains(Outcome.NOT_RUN)) {
      return Outcome.NOT_RUN;
    }
    return all.contains(Outcome.UNDECIDED) ? Outcome.UNDECIDED : Outcome.CONFIRMED;
  }

  /** The check that decides: the first that does not hold, else the first. */
  Finding deciding() {
    return findings.stream()
        .filter(f -> f.outcome() == Outcome.NOT_AT_THIS_SCALE)
        .findFirst()
        .or(() -> findings.stream().filter(f -> f.outcome() != Outcome.CONFIRMED).findFirst())
        .orElse(findings.get(0));
  }

  /**
   * Judges numbers of one check, one a seed: Student's t over the seeds.
   *
   * @param numbers of the run
   * @param others of the run that it is compared with, seed by seed; empty without one
   */
  static Finding judge(Claims.Check check, List<Double> numbers, List<Double> others) {
    List<Double> effects = new ArrayList<>();
    for (int i = 0; i < numbers.size(); i++) {
      double own = numbers.get(i);
      if (check.against() == null) {
        effects.add(own);
      } else if (check.isRatio()) {
        effects.add(Math.log(own / others.get(i)));
      } else {
        effects.add(own - others.get(i));
      }
    }
    if (effects.isEmpty() || effects.stream().anyMatch(v -> v.isNaN())) {
      return new Finding(check, Double.NaN, null, Outcome.NOT_RUN);
    }
    double mean = effects.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    Interval interval =
        effects.size() < 2 || !Double.isFinite(mean) ? null : SeedSpread.of(effects).interval();
    if (check.isRatio()) {
      mean = Math.exp(mean);
      interval =
          interval == null
              ? null
              : new Interval(Math.exp(interval.low()), Math.exp(interval.high()));
    }
    return new Finding(check, mean, interval, outcome(check, interval));
  }

  /**
   * Judges paired differences of one check, one a seed, which hold for other prompts too.
   *
   * @param differences the run − the other, of the same seeds
   */
  static Finding judge(Claims.Check check, List<Difference> differences) {
    if (differences.isEmpty()) {
      return new Finding(check, Double.NaN, null, Outcome.NOT_RUN);
    }
    if (differences.size() == 1) {
      return new Finding(check, differences.get(0).value(), null, Outcome.UNDECIDED);
    }
    Difference mean = Difference.overSeeds(differences);
    return new Finding(check, mean.value(), mean.interval(), outcome(check, mean.interval()));
  }

  private static Outcome outcome(Claims.Check check, @Nullable Interval interval) {
    if (interval == null) {
      return Outcome.UNDECIDED;
    }
    double t = check.threshold();
    boolean holds =
        switch (check.relation()) {
          case ABOVE -> interval.low() > t;
          case BELOW -> interval.high() < t;
          case WITHIN -> interval.low() > -t && interval.high() < t;
        };
    boolean fails =
        switch (check.relation()) {
          case ABOVE -> interval.high() < t;
          case BELOW -> interval.low() > t;
          case WITHIN -> interval.high() < -t || interval.low() > t;
        };
    return holds ? Outcome.CONFIRMED : fails ? Outcome.NOT_AT_THIS_SCALE : Outcome.UNDECIDED;
  }
}
