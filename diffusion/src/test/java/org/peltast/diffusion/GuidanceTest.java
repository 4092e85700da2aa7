package org.peltast.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** What comes to {@code u + α(c − u)} when pictures are drawn. */
class GuidanceTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** [1, 1, 2, 2] with rows (3, 4) and (6, 8): norms 5 and 10, √125 together. */
  private static Tensor conditional() {
    return Tensor.of(new float[] {3, 4, 6, 8}, 1, 1, 2, 2);
  }

  private static float[] guided(Guidance guidance) {
    return guidance.guided(conditional(), Tensor.zeros(1, 1, 2, 2)).toFloats();
  }

  @Test
  void rescalingBringsNormsBack() {
    Guidance plain = new Guidance(3);
    assertThat(guided(plain)).containsExactly(9, 12, 18, 24);
    assertThat(guided(new Guidance(3, Guidance.Rescale.ROWS, Guidance.Truncation.NONE)))
        .containsExactly(3, 4, 6, 8);
    // One row shorter and one longer than the condition's: both get its norm.
    Tensor u = Tensor.of(new float[] {3, 4, -6, -8}, 1, 1, 2, 2);
    assertThat(
            new Guidance(0.25, Guidance.Rescale.ROWS, Guidance.Truncation.NONE)
                .guided(conditional(), u)
                .toFloats())
        .containsExactly(3, 4, -6, -8);
    assertThat(guided(new Guidance(3, new Guidance.Rescale.AtMost(2), Guidance.Truncation.NONE)))
        .containsExactly(6, 8, 12, 16);
    assertThat(guided(new Guidance(3, new Guidance.Rescale.AtMost(4), Guidance.Truncation.NONE)))
        .containsExactly(9, 12, 18, 24);
    assertThat(plain.withAlpha(1).rescale()).isEqualTo(Guidance.Rescale.NONE);
    assertThatThrownBy(() -> new Guidance.Rescale.AtMost(0)).isInstanceOf(DiffusionException.class);
  }

  private static List<Boolean> steps(Guidance guidance, int n) {
    List<Boolean> on = new ArrayList<>();
    for (int k = 0; k < n; k++) {
      on.add(guidance.isOn(k, n, (double) k / n));
    }
    return on;
  }

  @Test
  void truncationLeavesTheLastStepsUnguided() {
    Guidance.Rescale none = Guidance.Rescale.NONE;
    assertThat(steps(new Guidance(3, none, new Guidance.Truncation.Steps(0.6)), 5))
        .containsExactly(true, true, true, false, false);
    assertThat(steps(new Guidance(3, none, new Guidance.Truncation.Steps(0.59)), 5))
        .containsExactly(true, true, false, false, false);
    // A time that meets the bound is guided; 0.4 as a float32 is above 0.4 as a double.
    assertThat(steps(new Guidance(3, none, new Guidance.Truncation.Until(0.5)), 4))
        .containsExactly(true, true, true, false);
    assertThat(steps(new Guidance(3, none, new Guidance.Truncation.Until(0.4)), 5))
        .containsExactly(true, true, false, false, false);
    assertThat(steps(new Guidance(3), 3)).containsExactly(true, true, true);
    assertThat(steps(new Guidance(1), 3)).containsExactly(false, false, false);
  }

  @Test
  void aDynamicShiftIsALine() {
    DynamicShift shift = new DynamicShift(100, 200, 1, 2, DynamicShift.Type.LINEAR);
    assertThat(shift.at(100)).isEqualTo(new TimeShift(1));
    assertThat(shift.at(250)).isEqualTo(new TimeShift(2.5));
    assertThat(new DynamicShift(100, 200, 0, 2, DynamicShift.Type.EXPONENTIAL).at(100))
        .isEqualTo(TimeShift.NONE);
    assertThatThrownBy(() -> shift.at(0)) // μ = 0
        .isInstanceOf(DiffusionException.class)
        .hasMessageContaining("shift must be positive");
    assertThatThrownBy(() -> new DynamicShift(5, 5, 0, 1, DynamicShift.Type.LINEAR))
        .isInstanceOf(DiffusionException.class);
  }
}
