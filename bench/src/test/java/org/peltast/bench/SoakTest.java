package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Precision;

/** A leak shows as a slope, scatter does not; and a share of the cores is what it says. */
class SoakTest {
  private static Soak soak(long bytesPerUpdate, int scatter) {
    List<Soak.Sample> samples = new ArrayList<>();
    for (int i = 0; i <= 40; i++) {
      long update = 250L * i;
      samples.add(
          new Soak.Sample(
              update, (600L << 20) + bytesPerUpdate * update + i * 7919L % 13 * scatter, 9 << 20));
    }
    return new Soak(samples);
  }

  @Test
  void aLeakOfAPageAnUpdateIsSeen() {
    assertThat(soak(4096, 0).residentSlope()).isCloseTo(4096, within(1e-6));
    assertThat(soak(4096, 100_000).flat()).isFalse();
    assertThat(soak(0, 1_000_000).flat()).isTrue();
    assertThat(soak(0, 0).heapSlope()).isZero();
  }

  @Test
  void runsAndSamples() {
    Soak soak = Soak.run(20, Precision.FLOAT32, (done, of, figures) -> {});
    assertThat(soak.samples()).hasSize(21);
    assertThat(soak.first().update()).isZero();
    assertThat(soak.last().update()).isEqualTo(20);
    assertThat(soak.last().heap()).isPositive();
  }

  @Test
  void aFairShareIsOfTheCores() {
    assertThat(new SharedMachine(2, 2, 2, 1, 3).fairSlowdown()).isEqualTo(2);
    assertThat(new SharedMachine(2, 2, 1, 1, 3).fairSlowdown()).isCloseTo(1.5, within(1e-12));
    assertThat(new SharedMachine(2, 8, 2, 1, 3).fairSlowdown()).isEqualTo(1);
    assertThat(new SharedMachine(2, 2, 2, 2, 3).slowdown()).isEqualTo(1.5);
  }
}
