package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.HashSet;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RngTest {
  private static int hex(String word) {
    return Integer.parseUnsignedInt(word, 16);
  }

  /** The published known answers for philox4x32-10: Random123's {@code kat_vectors}. */
  @ParameterizedTest
  @CsvSource({
    "00000000 00000000 00000000 00000000, 00000000 00000000, 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "ffffffff ffffffff ffffffff ffffffff, ffffffff ffffffff, 408f276d 41c83b0e a20bc7c6 6d5451fd",
    "243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0, d16cfe09 94fdcceb 5001e420 24126ea1"
  })
  void philoxGivesThePublishedAnswers(String counter, String key, String expected) {
    String[] c = counter.split(" ");
    String[] k = key.split(" ");
    int[] out = new int[4];
    Rng.philox(
        hex(c[0]),
        hex(c[1]),
        hex(c[2]),
        hex(c[3]),
        (hex(k[0]) & 0xffffffffL) | ((long) hex(k[1]) << 32),
        out);
    String[] e = expected.split(" ");
    assertThat(out).containsExactly(hex(e[0]), hex(e[1]), hex(e[2]), hex(e[3]));
  }

  @Test
  void aStreamGoesOnFromAnyPoint() {
    for (int drawn = 0; drawn < 11; drawn++) {
      Rng whole = Rng.of(42).fork("noise");
      for (int i = 0; i < drawn; i++) {
        whole.nextBits();
      }
      Rng resumed = Rng.restore(whole.state());
      assertThat(resumed.state()).isEqualTo(whole.state());
      for (int i = 0; i < 9; i++) {
        assertThat(resumed.nextBits()).as("after %d", drawn).isEqualTo(whole.nextBits());
      }
      assertThat(resumed.normal()).isEqualTo(whole.normal());
    }
    assertThatThrownBy(() -> Rng.restore(1, 2)).isInstanceOf(TensorException.class);
    assertThatThrownBy(() -> Rng.restore(1, 2, -1)).isInstanceOf(TensorException.class);
  }

  @Test
  void aForkDependsOnSeedAndPathAlone() {
    Rng drawn = Rng.of(1);
    drawn.nextBits();
    assertThat(drawn.fork("a").nextBits()).isEqualTo(Rng.of(1).fork("a").nextBits());
    assertThat(Rng.of(1).fork(7).fork("b").state()).isEqualTo(Rng.of(1).fork(7).fork("b").state());

    Set<Integer> first = new HashSet<>();
    for (int seed = 0; seed < 10; seed++) {
      first.add(Rng.of(seed).nextBits());
      for (int i = 0; i < 100; i++) {
        first.add(Rng.of(seed).fork(i).nextBits());
        first.add(Rng.of(seed).fork("update " + i).nextBits());
        first.add(Rng.of(seed).fork(i).fork("noise").nextBits());
      }
    }
    assertThat(first).as("first words of 3010 streams, all different").hasSize(3010);
  }

  @Test
  void forksAreNotCorrelated() {
    int n = 20_000;
    Rng root = Rng.of(3);
    Rng[] streams = {root.fork(0), root.fork(1), root.fork("0"), root.fork(0).fork(0), root};
    double[][] x = new double[streams.length][n];
    for (int s = 0; s < streams.length; s++) {
      for (int i = 0; i < n; i++) {
        x[s][i] = streams[s].uniform() - 0.5;
      }
    }
    for (int a = 0; a < x.length; a++) {
      for (int b = 0; b < a; b++) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
          sum += x[a][i] * x[b][i] * 12 / n;
        }
        assertThat(sum).as("correlation of %d and %d", a, b).isCloseTo(0, within(5 / Math.sqrt(n)));
      }
    }
  }

  @Test
  void normalNumbersHaveTheirMoments() {
    try (Scope scope = Scope.open()) {
      int n = 400_000;
      double[] x = Rng.of(5).normal(n).toDoubles();
      double[] moments = new double[5];
      for (double v : x) {
        for (int k = 1; k <= 4; k++) {
          moments[k] += Math.pow(v, k) / n;
        }
      }
      // Five standard errors: the variances of the powers are 1, 2, 15 and 96.
      assertThat(moments[1]).isCloseTo(0, within(5 * Math.sqrt(1.0 / n)));
      assertThat(moments[2]).isCloseTo(1, within(5 * Math.sqrt(2.0 / n)));
      assertThat(moments[3]).isCloseTo(0, within(5 * Math.sqrt(15.0 / n)));
      assertThat(moments[4]).isCloseTo(3, within(5 * Math.sqrt(96.0 / n)));
    }
  }

  private static void isUniform(ToDoubleFunction<Rng> draw) {
    int n = 200_000;
    int[] bins = new int[20];
    Rng rng = Rng.of(9);
    for (int i = 0; i < n; i++) {
      double u = draw.applyAsDouble(rng);
      assertThat(u).isBetween(0.0, 1.0);
      bins[(int) (u * bins.length)]++;
    }
    double chi = 0;
    for (int b : bins) {
      double d = b - n / (double) bins.length;
      chi += d * d / (n / (double) bins.length);
    }
    assertThat(chi).as("χ² of 19 degrees of freedom").isLessThan(43.8); // p = 0.001
  }

  @Test
  void uniformNumbersFillTheirRange() {
    isUniform(Rng::uniform);
    isUniform(rng -> (rng.uniform(-2, 4) + 2) / 6);
    isUniform(rng -> (rng.below(7) + rng.uniform()) / 7);
    isUniform(rng -> (rng.below((3 << 29) + 1) + 0.5) / ((3 << 29) + 1.0));
    assertThatThrownBy(() -> Rng.of(1).below(0)).isInstanceOf(TensorException.class);
  }

  @Test
  void permutationsAreFairAndWhole() {
    int[] at = new int[5];
    Rng rng = Rng.of(11);
    for (int i = 0; i < 10_000; i++) {
      int[] p = rng.permutation(5);
      assertThat(p).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
      at[p[0]]++;
    }
    for (int n : at) {
      assertThat(n).isBetween(1800, 2200);
    }
    assertThat(rng.permutation(0)).isEmpty();
  }

  /** The same bits on every machine: what an earlier version drew is what all must draw. */
  @Test
  void tensorsAreAFunctionOfTheSeed() {
    try (Scope scope = Scope.open()) {
      assertThat(Rng.of(7).normal(5).toFloats()).isEqualTo(Rng.of(7).normal(5).toFloats());
      assertThat(Rng.of(7).normal(5).toFloats()).isNotEqualTo(Rng.of(8).normal(5).toFloats());
      Rng rng = Rng.of(7);
      rng.uniform(0, 1, 3, 2);
      assertThat(rng.state()[2]).isEqualTo(6);
      Tensor u = Rng.of(7).uniform(-3, -2, 1000);
      assertThat(u.max(false, 0).item()).isBetween(-2.05, -2.0);
      assertThat(u.neg().max(false, 0).item()).isBetween(2.95, 3.0);
    }
  }
}
