package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Functions with a gradient of their own are part of the graph like any other. */
class CustomGradientTest {
  /** x³ by hand. */
  private static Tensor cube(Tensor x, List<String> closed) {
    Tensor value;
    try (Autograd off = Autograd.off()) {
      value = x.mul(x).mul(x);
    }
    return CustomGradient.record(
        value,
        List.of(x),
        new CustomGradient.Backward() {
          @Override
          public List<Tensor> gradients(Tensor dy) {
            return List.of(dy.mul(x.detach().square()).mul(3));
          }

          @Override
          public void close() {
            closed.add("closed");
          }
        });
  }

  @Test
  void theChainRuleHoldsThroughOperationsBeforeAndAfter() {
    try (Scope scope = Scope.open()) {
      List<String> closed = new ArrayList<>();
      Tensor x = Tensor.of(new float[] {0.5f, -1, 2}, 3).requireGrad(true);
      // y = Σ (2 (3x)³ + 3x)²; dy/dx = 2 (54x³ + 3x)(162x² + 3)
      Tensor inner = x.mul(3);
      cube(inner, closed).mul(2).add(inner).square().sum().backward();
      float[] wanted = new float[3];
      float[] at = {0.5f, -1, 2};
      for (int i = 0; i < 3; i++) {
        double v = at[i];
        wanted[i] = (float) (2 * (54 * v * v * v + 3 * v) * (162 * v * v + 3));
      }
      assertThat(x.grad().toFloats())
          .containsExactly(wanted, org.assertj.core.data.Offset.offset(0.5f));
      assertThat(closed).hasSize(1);
      assertThat(CustomGradient.size()).isZero();
    }
  }

  @Test
  void oneFunctionMayFeedAnotherAndSeveral() {
    try (Scope scope = Scope.open()) {
      List<String> closed = new ArrayList<>();
      Tensor x = Tensor.of(new float[] {1.1f}, 1).requireGrad(true);
      Tensor once = cube(x, closed);
      Tensor twice = cube(once, closed); // x⁹
      once.add(twice).sum().backward(); // 3x² + 9x⁸
      double v = 1.1;
      assertThat((double) x.grad().toFloats()[0])
          .isCloseTo(3 * v * v + 9 * Math.pow(v, 8), org.assertj.core.data.Offset.offset(1e-3));
      assertThat(closed).hasSize(2);
    }
  }

  @Test
  void gradientsOfLeavesAddUp() {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.of(new float[] {2}, 1).requireGrad(true);
      cube(x, new ArrayList<>()).sum().backward();
      cube(x, new ArrayList<>()).sum().backward();
      assertThat(x.grad().toFloats()).containsExactly(24);
    }
  }

  @Test
  void whatNoGraphLeadsToIsForgotten() {
    List<String> closed = new ArrayList<>();
    try (Scope run = Scope.open()) {
      Tensor x = Tensor.of(new float[] {2}, 1).requireGrad(true);
      try (Scope scope = Scope.open()) {
        cube(cube(x, closed), closed).add(1);
        assertThat(closed).isEmpty();
      }
      assertThat(closed).hasSize(2);
      assertThat(CustomGradient.size()).isZero();
    }
  }

  @Test
  void itIsKeptWhileAGraphLeadsToItThoughItsHandleIsClosed() {
    try (Scope run = Scope.open()) {
      Tensor x = Tensor.of(new float[] {2}, 1).requireGrad(true);
      Tensor y = Scope.compute(() -> cube(x, new ArrayList<>()).mul(5));
      assertThat(CustomGradient.size()).isOne();
      y.sum().backward();
      assertThat(x.grad().toFloats()).containsExactly(60);
    }
  }

  @Test
  void nothingIsRecordedWhereNoGradientIsAskedFor() {
    try (Scope scope = Scope.open()) {
      List<String> closed = new ArrayList<>();
      assertThat(cube(Tensor.ones(2), closed).requiresGrad()).isFalse();
      Tensor x = Tensor.ones(2).requireGrad(true);
      try (Autograd off = Autograd.off()) {
        assertThat(cube(x, closed).requiresGrad()).isFalse();
      }
      assertThat(closed).hasSize(2);
    }
  }

  @Test
  void gradientsOfWrongNumberOrShapeAreRefused() {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.ones(2).requireGrad(true);
      Tensor few = CustomGradient.record(Tensor.ones(2), List.of(x), dy -> List.of());
      assertThatThrownBy(() -> few.sum().backward())
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("1 inputs gave 0");
      Tensor wide =
          CustomGradient.record(Tensor.ones(2), List.of(x), dy -> List.of(Tensor.ones(3)));
      assertThatThrownBy(() -> wide.sum().backward())
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("gradient");
      Tensor none =
          CustomGradient.record(Tensor.ones(2), List.of(x), dy -> Arrays.asList((Tensor) null));
      none.sum().backward();
      assertThat(x.grad()).isNull();
    }
  }

  @Test
  void sharesRunSideBySideAndTheirFailureComesBack() {
    List<Integer> seen = java.util.Collections.synchronizedList(new ArrayList<>());
    WorkerPool.each(List.of(1, 2, 3), seen::add);
    assertThat(seen).containsExactlyInAnyOrder(1, 2, 3);
    assertThatThrownBy(
            () ->
                WorkerPool.each(
                    List.of(1, 2),
                    i -> {
                      if (i == 2) {
                        throw new TensorException("share 2");
                      }
                    }))
        .isInstanceOf(TensorException.class)
        .hasMessage("share 2");
  }
}
