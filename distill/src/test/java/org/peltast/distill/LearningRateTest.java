package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LearningRateTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0.1",
    "1, 0.2",
    "8, 0.9",
    "9, 1", // a tenth more each update, the first one included
    "10, 1",
    "50, 1",
    "80, 1", // the plateau
    "81, 0.95",
    "90, 0.5",
    "99, 0.05", // a twentieth less, and never 0
  })
  void itRisesHoldsAndFalls(long update, double share) {
    assertThat(new LearningRate(4e-4, 10, 0.2).at(update, 100))
        .isCloseTo(4e-4 * share, within(1e-12));
  }

  @Test
  void withoutWarmUpAndDecayItIsConstant() {
    LearningRate rate = new LearningRate(0.01, 0, 0);
    assertThat(rate.at(0, 3)).isEqualTo(0.01);
    assertThat(rate.at(2, 3)).isEqualTo(0.01);
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 0", "-1, 0, 0", "NaN, 0, 0", "1, -1, 0", "1, 0, 1.1", "1, 0, NaN"})
  void outOfRangeIsRefused(double rate, int warmUp, double decay) {
    assertThatThrownBy(() -> new LearningRate(rate, warmUp, decay))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
