package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.TimeShift;
import org.peltast.distill.dmd.Renoising;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;

class RenoisingTest {
  private static final int ITEMS = 2000;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Batch batch(int items) {
    return Toys.points(1, null, new int[items]);
  }

  /** Table 1, for a generator at pre-shift time .5: a draw fills its range and stays inside. */
  @ParameterizedTest
  @CsvSource({
    "coupled-shared,        0,  0,  1",
    "decoupled-full,        0,  0,  1",
    "decoupled-constrained, .5, .5, 1",
    "decoupled-hybrid,      .5, 0,  1",
    "coupled-shared,        0,  0,  3",
    "decoupled-full,        0,  0,  3",
    "decoupled-constrained, .5, .5, 3",
    "decoupled-hybrid,      .5, 0,  3",
  })
  void drawsFillTheirRangesInPreShiftTime(
      String schedule, double engineFrom, double regulariserFrom, double factor) {
    TimeShift shift = new TimeShift(factor);
    Renoising.Draws draws = Renoising.parse(schedule).draw(0.5, batch(ITEMS), shift, Rng.of(3));
    assertUniform(draws.engine(), engineFrom, shift);
    assertUniform(draws.regulariser(), regulariserFrom, shift);
  }

  /** The paper's networks see τ after the shift; the bound t is before it. */
  private static void assertUniform(Renoising.Draw draw, double from, TimeShift shift) {
    double low = Math.max(from, shift.invert(Renoising.MARGIN));
    double high = shift.invert(1 - Renoising.MARGIN);
    double[] tau = new double[ITEMS];
    float[] times = draw.time().toFloats();
    double mean = 0;
    for (int i = 0; i < ITEMS; i++) {
      tau[i] = shift.invert(times[i]);
      mean += tau[i] / ITEMS;
    }
    assertThat(Arrays.stream(tau).min().orElseThrow()).isBetween(low - 1e-6, low + 0.01);
    assertThat(Arrays.stream(tau).max().orElseThrow()).isBetween(high - 0.01, high + 1e-6);
    double deviation = (high - low) / Math.sqrt(12.0 * ITEMS);
    assertThat(mean).isBetween((low + high) / 2 - 4 * deviation, (low + high) / 2 + 4 * deviation);
  }

  /** With shift 6, a margin before the shift keeps networks from the cleanest tenth. */
  @ParameterizedTest
  @CsvSource({"BEFORE_SHIFT, .0034, .8909", "AFTER_SHIFT, .02, .98"})
  void theMarginIsKeptInPreShiftOrInNetworksTime(
      Renoising.Margin margin, double lowest, double highest) {
    TimeShift shift = new TimeShift(6);
    float[] times =
        Renoising.COUPLED_SHARED
            .with(margin)
            .draw(0, batch(ITEMS), shift, Rng.of(3))
            .engine()
            .time()
            .toFloats();
    double low = 1;
    double high = 0;
    for (float t : times) {
      low = Math.min(low, t);
      high = Math.max(high, t);
    }
    assertThat(low).isBetween(lowest - 1e-4, lowest + 0.005);
    assertThat(high).isBetween(highest - 0.02, highest + 1e-4);
  }

  /** Fig. 4a's bands are intervals: τ fills one, and with a step it stays above that too. */
  @Test
  void bandsAreIntervals() {
    Renoising bands =
        new Renoising(
            Renoising.Interval.of(0.3, 0.7),
            new Renoising.Interval(0.1, 0.9, true),
            false,
            Renoising.Margin.AFTER_SHIFT);
    Renoising.Draws draws = bands.draw(0.5, batch(ITEMS), TimeShift.NONE, Rng.of(3));
    assertBetween(draws.engine(), 0.3, 0.7);
    assertBetween(draws.regulariser(), 0.5, 0.9);
    assertThatThrownBy(() -> Renoising.Interval.of(0.7, 0.3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("ends in order");
  }

  private static void assertBetween(Renoising.Draw draw, double low, double high) {
    double smallest = 1;
    double largest = 0;
    for (float t : draw.time().toFloats()) {
      smallest = Math.min(smallest, t);
      largest = Math.max(largest, t);
    }
    assertThat(smallest).isBetween(low - 1e-6, low + 0.01);
    assertThat(largest).isBetween(high - 0.01, high + 1e-6);
  }

  @Test
  void onlyTheCoupledScheduleSharesAndItSharesEverything() {
    Renoising.Draws shared =
        Renoising.COUPLED_SHARED.draw(0.5, batch(3), TimeShift.NONE, Rng.of(1));
    assertThat(shared.engine()).isSameAs(shared.regulariser());
    for (Renoising schedule :
        List.of(
            Renoising.DECOUPLED_FULL,
            Renoising.DECOUPLED_CONSTRAINED,
            Renoising.DECOUPLED_HYBRID)) {
      Renoising.Draws draws = schedule.draw(0.5, batch(3), TimeShift.NONE, Rng.of(1));
      assertThat(draws.engine().time().toFloats())
          .isNotEqualTo(draws.regulariser().time().toFloats());
      assertThat(draws.engine().noise().toFloats())
          .isNotEqualTo(draws.regulariser().noise().toFloats());
    }
  }

  @Test
  void engineAndRegulariserDrawIndependently() {
    Renoising.Draws draws =
        Renoising.DECOUPLED_FULL.draw(0, batch(ITEMS), TimeShift.NONE, Rng.of(5));
    double bound = 4 / Math.sqrt(ITEMS); // four standard deviations of a correlation of nothing
    assertThat(correlation(draws.engine().time().toFloats(), draws.regulariser().time().toFloats()))
        .isBetween(-bound, bound);
    float[] a = draws.engine().noise().toFloats();
    float[] b = draws.regulariser().noise().toFloats();
    assertThat(correlation(a, b)).isBetween(-bound, bound);
  }

  private static double correlation(float[] a, float[] b) {
    double ma = 0;
    double mb = 0;
    for (int i = 0; i < a.length; i++) {
      ma += a[i] / a.length;
      mb += b[i] / b.length;
    }
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (a[i] - ma) * (b[i] - mb);
      aa += (a[i] - ma) * (a[i] - ma);
      bb += (b[i] - mb) * (b[i] - mb);
    }
    return ab / Math.sqrt(aa * bb);
  }

  /** A step so late that nothing is left above it still has a draw, at the margin. */
  @Test
  void aBoundBeyondTheMarginLeavesTheMargin() {
    Renoising.Draws draws =
        Renoising.DECOUPLED_CONSTRAINED.draw(0.99, batch(4), TimeShift.NONE, Rng.of(1));
    assertThat(draws.engine().time().toFloats()).containsOnly((float) (1 - Renoising.MARGIN));
  }

  /** What makes micro-batches exact: an item draws by its place in the whole batch. */
  @Test
  void aBatchInPartsDrawsTheSame() {
    Batch whole = batch(7);
    Renoising.Draws at = Renoising.DECOUPLED_HYBRID.draw(0.25, whole, TimeShift.NONE, Rng.of(9));
    List<Float> times = new ArrayList<>();
    List<Float> noise = new ArrayList<>();
    List<Batch> parts = whole.parts(3);
    assertThat(parts).hasSize(3);
    for (Batch part : parts) {
      Renoising.Draws d = Renoising.DECOUPLED_HYBRID.draw(0.25, part, TimeShift.NONE, Rng.of(9));
      for (float v : d.engine().time().toFloats()) {
        times.add(v);
      }
      for (float v : d.regulariser().noise().toFloats()) {
        noise.add(v);
      }
    }
    assertThat(times).containsExactly(boxed(at.engine().time().toFloats()));
    assertThat(noise).containsExactly(boxed(at.regulariser().noise().toFloats()));
  }

  private static Float[] boxed(float[] values) {
    Float[] all = new Float[values.length];
    for (int i = 0; i < all.length; i++) {
      all[i] = values[i];
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"coupled-shared", "decoupled-full", "decoupled-constrained", "decoupled-hybrid"})
  void namesAreReadBack(String name) {
    assertThat(Renoising.parse(name)).hasToString(name);
  }

  @Test
  void mistakesAreNamed() {
    assertThatThrownBy(() -> Renoising.parse("hybrid"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'hybrid'")
        .hasMessageContaining("decoupled-hybrid");
    assertThatThrownBy(
            () ->
                new Renoising(
                    Renoising.Interval.FROM_STEP,
                    Renoising.Interval.FULL,
                    true,
                    Renoising.Margin.AFTER_SHIFT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one range");
  }
}
