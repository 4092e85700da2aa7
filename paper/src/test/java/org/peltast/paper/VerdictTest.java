package org.peltast.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Measure;

class VerdictTest {
  /** t₀.₉₇₅ of two degrees of freedom. */
  private static final double T2 = 4.3027;

  private static Claims.Check check(
      @Nullable String against,
      Claims.@Nullable Scale scale,
      Claims.Relation relation,
      double threshold) {
    return new Claims.Check(
        "fig2/a", Claims.At.END, against, null, "x", scale, relation, threshold, "says");
  }

  private static Claims.Check above(double threshold) {
    return check("fig2/b", null, Claims.Relation.ABOVE, threshold);
  }

  @Test
  void differencesOfTheSameSeedAreJudgedByStudentsT() {
    // Differences 2, 4, 6: mean 4, standard deviation 2.
    Verdict.Finding finding =
        Verdict.judge(above(-2), List.of(12.0, 24.0, 36.0), List.of(10.0, 20.0, 30.0));
    double half = T2 * 2 / Math.sqrt(3);
    assertThat(finding.effect()).isEqualTo(4);
    assertThat(finding.interval().low()).isCloseTo(4 - half, within(1e-9));
    assertThat(finding.interval().high()).isCloseTo(4 + half, within(1e-9));
    assertThat(finding.outcome()).isEqualTo(Verdict.Outcome.CONFIRMED);
  }

  @Test
  void theWholeIntervalDecides() {
    List<Double> ours = List.of(12.0, 24.0, 36.0);
    List<Double> theirs = List.of(10.0, 20.0, 30.0);
    assertThat(Verdict.judge(above(0), ours, theirs).outcome())
        .isEqualTo(Verdict.Outcome.UNDECIDED);
    assertThat(Verdict.judge(above(9), ours, theirs).outcome())
        .isEqualTo(Verdict.Outcome.NOT_AT_THIS_SCALE);
    Claims.Check below = check("fig2/b", null, Claims.Relation.BELOW, 9);
    assertThat(Verdict.judge(below, ours, theirs).outcome()).isEqualTo(Verdict.Outcome.CONFIRMED);
  }

  @Test
  void closenessIsShownByAnIntervalWithinTheThreshold() {
    List<Double> close = List.of(0.1, 0.2, 0.3);
    assertThat(
            Verdict.judge(check(null, null, Claims.Relation.WITHIN, 1), close, List.of()).outcome())
        .isEqualTo(Verdict.Outcome.CONFIRMED);
    assertThat(
            Verdict.judge(check(null, null, Claims.Relation.WITHIN, 0.2), close, List.of())
                .outcome())
        .isEqualTo(Verdict.Outcome.UNDECIDED);
    assertThat(
            Verdict.judge(
                    check(null, null, Claims.Relation.WITHIN, 1), List.of(5.0, 5.1, 5.2), List.of())
                .outcome())
        .isEqualTo(Verdict.Outcome.NOT_AT_THIS_SCALE);
  }

  @Test
  void ratiosAreJudgedByTheirLogarithms() {
    Claims.Check ratio = check("fig2/b", Claims.Scale.RATIO, Claims.Relation.ABOVE, 1.5);
    Verdict.Finding finding = Verdict.judge(ratio, List.of(2.0, 8.0, 4.0), List.of(1.0, 2.0, 1.0));
    double deviation = Math.log(2) / Math.sqrt(3); // of log 2, log 4, log 4
    double mean = (Math.log(2) + 2 * Math.log(4)) / 3;
    double half = T2 * deviation / Math.sqrt(3);
    assertThat(finding.effect()).isCloseTo(Math.exp(mean), within(1e-9));
    assertThat(finding.interval().low()).isCloseTo(Math.exp(mean - half), within(1e-9));
    assertThat(finding.outcome()).isEqualTo(Verdict.Outcome.UNDECIDED);
    assertThat(finding.words()).startsWith("× 3.17 [");
  }

  @Test
  void oneSeedDecidesNothingAndNoneIsNotRun() {
    assertThat(Verdict.judge(above(0), List.of(5.0), List.of(1.0)).outcome())
        .isEqualTo(Verdict.Outcome.UNDECIDED);
    assertThat(Verdict.judge(above(0), List.of(), List.of()).outcome())
        .isEqualTo(Verdict.Outcome.NOT_RUN);
    assertThat(Verdict.judge(above(0), List.of(Double.NaN, 1.0), List.of(1.0, 1.0)).outcome())
        .isEqualTo(Verdict.Outcome.NOT_RUN);
  }

  /** Over seeds 2 ± t·1/√3 (of 1, 2, 3), over prompts ± 0.5: added as variances. */
  @Test
  void judgedDifferencesHoldForOtherPromptsToo() {
    List<Difference> differences =
        List.of(1.0, 2.0, 3.0).stream()
            .map(v -> new Difference(Measure.ALIGNMENT, v, new Interval(v - 0.5, v + 0.5)))
            .toList();
    Verdict.Finding finding = Verdict.judge(above(-1), differences);
    double half = Math.hypot(T2 / Math.sqrt(3), 0.5);
    assertThat(finding.interval().low()).isCloseTo(2 - half, within(1e-9));
    assertThat(finding.interval().high()).isCloseTo(2 + half, within(1e-9));
    assertThat(finding.outcome()).isEqualTo(Verdict.Outcome.CONFIRMED);
  }

  @Test
  void aClaimIsConfirmedByAllOfItsChecksAndFailsByOne() {
    Claims.Check one = above(0);
    Claims.Claim claim = new Claims.Claim("C9", "s", "p", List.of(1L), List.of(one, one));
    Verdict.Finding holds =
        new Verdict.Finding(one, 1, new Interval(0.5, 1.5), Verdict.Outcome.CONFIRMED);
    Verdict.Finding fails =
        new Verdict.Finding(one, -1, new Interval(-2, -0.5), Verdict.Outcome.NOT_AT_THIS_SCALE);
    Verdict.Finding open = new Verdict.Finding(one, 0, null, Verdict.Outcome.UNDECIDED);
    assertThat(new Verdict(claim, List.of(1L), List.of(holds, holds)).outcome())
        .isEqualTo(Verdict.Outcome.CONFIRMED);
    Verdict failed = new Verdict(claim, List.of(1L), List.of(open, fails));
    assertThat(failed.outcome()).isEqualTo(Verdict.Outcome.NOT_AT_THIS_SCALE);
    assertThat(failed.deciding()).isSameAs(fails);
    assertThat(new Verdict(claim, List.of(1L), List.of(holds, open)).deciding()).isSameAs(open);
  }
}
