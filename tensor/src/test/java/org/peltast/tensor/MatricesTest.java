package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class MatricesTest {
  private static final int ITEMS = 2;
  private static final int HEADS = 3;
  private static final int S = 5;
  private static final int D = 4;

  private static Floats filled(int seed, long... shape) {
    Floats f = Floats.allocate(shape);
    f.tensor().copyFrom(Rng.of(seed).normal(shape));
    return f;
  }

  /** [items, S, heads · D] as libtorch sees each head's matrix: [items, heads, S, D]. */
  private static Tensor heads(Floats byRow) {
    return byRow.tensor().reshape(ITEMS, S, HEADS, D).transpose(1, 2);
  }

  private static void close(Tensor actual, Tensor expected) {
    float[] a = actual.contiguous().toFloats();
    float[] b = expected.contiguous().toFloats();
    assertThat(a).hasSameSizeAs(b);
    for (int i = 0; i < a.length; i++) {
      assertThat(a[i]).isCloseTo(b[i], within(1e-5f));
    }
  }

  /** Attention's products and those of its gradient, in both layouts. */
  @Test
  void productsAreLibtorchs() {
    try (Scope scope = Scope.open()) {
      Floats q = filled(1, ITEMS, HEADS, S, D);
      Floats v = filled(2, ITEMS, S, HEADS * D);
      Floats p = Floats.allocate(ITEMS, HEADS, S, S);
      Floats o = Floats.allocate(ITEMS, S, HEADS * D);
      Matrices queries = Matrices.byHead(q, ITEMS, HEADS, S, D);
      Matrices values = Matrices.byRow(v, ITEMS, HEADS, S, D);
      Matrices weights = Matrices.byHead(p, ITEMS, HEADS, S, S);
      Matrices attended = Matrices.byRow(o, ITEMS, HEADS, S, D);

      weights.assignProduct(queries, values.transposed());
      close(p.tensor(), q.tensor().matmul(heads(v).transpose(2, 3)));
      attended.assignProduct(weights, values);
      close(heads(o), p.tensor().matmul(heads(v)));
      attended.assignProduct(weights.transposed(), queries);
      close(heads(o), p.tensor().transpose(2, 3).matmul(q.tensor()));
    }
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeMemoryIsTouched() {
    try (Scope scope = Scope.open()) {
      Floats small = Floats.allocate(ITEMS, HEADS, S, D);
      Floats square = Floats.allocate(ITEMS, HEADS, S, S);
      Matrices a = Matrices.byHead(small, ITEMS, HEADS, S, D);
      Matrices b = Matrices.byHead(square, ITEMS, HEADS, S, S);
      assertThatThrownBy(() -> Matrices.byHead(small, ITEMS, HEADS, S, D + 1))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("do not lie within");
      assertThatThrownBy(() -> Matrices.byRow(small, 0, HEADS, S, D))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> b.assignProduct(a, a))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("2 × 3 matrices [5, 4]");
      assertThatThrownBy(() -> b.transposed().assignProduct(a, a.transposed()))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> a.assignProduct(b, a)).isInstanceOf(TensorException.class);
    }
  }
}
