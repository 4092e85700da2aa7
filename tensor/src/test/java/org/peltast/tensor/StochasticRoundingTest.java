package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class StochasticRoundingTest {
  private static final int COUNT = 1 << 16;

  /** Between two neighbours, at every share of the way, of both signs: the mean is the number. */
  @Test
  void isUnbiased() {
    try (Scope scope = Scope.open()) {
      for (int sixteenth = 0; sixteenth < 16; sixteenth++) {
        for (float begin : new float[] {1, -1, 3e-3f}) {
          float unit = Math.ulp(begin) * (1 << 16); // of bfloat16
          float x = begin + Math.signum(begin) * unit * sixteenth / 16;
          Tensor numbers = Tensor.full(x, DType.FLOAT32, Device.CPU, COUNT);
          Tensor bits = StochasticRounding.bits(sixteenth, 5, COUNT, Device.CPU);
          for (int use = 0; use < 4; use++) {
            Tensor rounded = StochasticRounding.toBfloat16(numbers, bits, use).to(DType.FLOAT32);
            double far = rounded.sub(numbers).abs().reshape(-1).max(false, 0).item();
            assertThat(far).isLessThan(unit);
            // five standard deviations of a mean of so many draws that are half a unit away at most
            double mean = rounded.to(DType.FLOAT64).mean().item();
            assertThat(mean).isCloseTo(x, within(5 * 0.5 * unit / Math.sqrt(COUNT) + 1e-9));
          }
        }
      }
    }
  }

  @Test
  void leavesNumbersOfBfloat16Alone() {
    try (Scope scope = Scope.open()) {
      Tensor x = Rng.of(1).normal(1000).to(DType.BFLOAT16);
      Tensor bits = StochasticRounding.bits(1, 0, 1000, Device.CPU);
      assertThat(StochasticRounding.toBfloat16(x.to(DType.FLOAT32), bits, 0).toFloats())
          .containsExactly(x.toFloats());
    }
  }

  @Test
  void isAFunctionOfSeedAndPlace() {
    try (Scope scope = Scope.open()) {
      long[] all = StochasticRounding.bits(7, 0, 100, Device.CPU).toLongs();
      assertThat(StochasticRounding.bits(7, 40, 60, Device.CPU).toLongs())
          .containsExactly(java.util.Arrays.copyOfRange(all, 40, 100));
      assertThat(StochasticRounding.bits(8, 0, 100, Device.CPU).toLongs()).isNotEqualTo(all);
      assertThat(all).doesNotHaveDuplicates();
      assertThat(StochasticRounding.bits(7, 0, 3, Device.META).device()).isEqualTo(Device.META);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Scope scope = Scope.open()) {
      Tensor bits = StochasticRounding.bits(7, 0, 3, Device.CPU);
      assertThatThrownBy(() -> StochasticRounding.toBfloat16(Tensor.ones(4), bits, 0))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> StochasticRounding.toBfloat16(Tensor.ones(3), bits, 4))
          .isInstanceOf(TensorException.class);
    }
  }
}
