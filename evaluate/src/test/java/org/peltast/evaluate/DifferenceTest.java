package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DifferenceTest {
  private static Difference of(Measure measure, double low, double high) {
    return new Difference(measure, (low + high) / 2, new Interval(low, high));
  }

  @Test
  void isBetterOrWorseOnlyWhereTheIntervalExcludesZero() {
    assertThat(of(Measure.FRECHET, -0.3, -0.1).against("it")).isEqualTo("better than it");
    assertThat(of(Measure.FRECHET, 0.1, 0.3).against("it")).isEqualTo("worse than it");
    assertThat(of(Measure.ALIGNMENT, 0.1, 0.3).against("it")).isEqualTo("better than it");
    assertThat(of(Measure.ALIGNMENT, -0.3, -0.1).verdict()).isEqualTo(Difference.Verdict.WORSE);
    assertThat(of(Measure.DIVERSITY, -0.3, -0.1).verdict()).isEqualTo(Difference.Verdict.LOWER);
    assertThat(of(Measure.VARIANCE, 0.1, 0.3).verdict()).isEqualTo(Difference.Verdict.HIGHER);
    for (Difference open :
        List.of(
            of(Measure.FRECHET, -0.3, 0.1),
            of(Measure.FRECHET, 0, 0.1),
            of(Measure.FRECHET, -0.1, 0),
            of(Measure.FRECHET, 0, 0),
            new Difference(Measure.FRECHET, 5, null),
            of(Measure.FRECHET, Double.NaN, Double.NaN))) {
      assertThat(open.verdict()).isEqualTo(Difference.Verdict.UNDECIDED);
      assertThat(open.against("it")).isEqualTo("no difference shown from it");
    }
  }

  private static Measurement measurement(String caption, double... alignments) {
    Map<Measure, Statistic> all = new EnumMap<>(Measure.class);
    all.put(Measure.ALIGNMENT, new Statistic.Mean(alignments));
    Bootstrap bootstrap = new Bootstrap(3, 400);
    Scores scores =
        new Scores(
            "j",
            alignments.length,
            null,
            0,
            null,
            null,
            0,
            0,
            null,
            null,
            null,
            0,
            0,
            0,
            0,
            Measurement.intervals(all, bootstrap));
    return new Measurement(List.of(new Prompt(caption, "")), scores, all, bootstrap);
  }

  @Test
  void pairingCancelsWhatThePromptsHaveInCommon() {
    // Prompts from easy to hard; ours is one better on each.
    Measurement ours = measurement("a", 11, 31, 51, 71, 91);
    Measurement theirs = measurement("a", 10, 30, 50, 70, 90);
    Difference difference = ours.minus(theirs).get(Measure.ALIGNMENT);
    assertThat(difference.value()).isEqualTo(1, within(1e-12));
    assertThat(difference.interval().low()).isEqualTo(1, within(1e-12));
    assertThat(difference.verdict()).isEqualTo(Difference.Verdict.BETTER);
    Interval alone = ours.scores().intervals().get("alignment");
    assertThat(alone.high() - alone.low()).isGreaterThan(20);
    assertThatThrownBy(() -> ours.minus(measurement("b", 1, 2, 3, 4, 5)))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("same prompts");
  }

  @Test
  void seedsWidenTheIntervalByStudentsT() {
    List<Measurement> seeds =
        List.of(measurement("a", 5, 5), measurement("a", 6, 6), measurement("a", 7, 7));
    Measurement.Estimate estimate = Measurement.estimates(seeds).get(Measure.ALIGNMENT);
    // The prompts do not vary: what is left is 6 ± 4.3027 · 1 / √3.
    assertThat(estimate.value()).isEqualTo(6, within(1e-12));
    assertThat(estimate.seeds().deviation()).isEqualTo(1, within(1e-12));
    assertThat(estimate.interval().high()).isEqualTo(6 + 4.3027 / Math.sqrt(3), within(1e-4));
    Difference wide =
        Measurement.differences(seeds, List.of(measurement("a", 4, 4))).get(Measure.ALIGNMENT);
    assertThat(wide.value()).isEqualTo(2, within(1e-12));
    assertThat(wide.verdict()).isEqualTo(Difference.Verdict.UNDECIDED);
    assertThat(seeds.get(2).minus(measurement("a", 4, 4)).get(Measure.ALIGNMENT).verdict())
        .isEqualTo(Difference.Verdict.BETTER);
    assertThatThrownBy(() -> SeedSpread.of(List.of(1.0)))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("two runs or more");
  }

  @Test
  void studentsIntervalCoversTheMeanWithThreeSeeds() {
    int held = 0;
    for (int i = 0; i < 1000; i++) {
      org.peltast.tensor.Rng rng = org.peltast.tensor.Rng.of(31).fork(i);
      Interval interval =
          SeedSpread.of(List.of(2 + rng.normal(), 2 + rng.normal(), 2 + rng.normal())).interval();
      held += interval.low() <= 2 && 2 <= interval.high() ? 1 : 0;
    }
    assertThat(held / 1000.0).isBetween(0.93, 0.97);
  }
}
