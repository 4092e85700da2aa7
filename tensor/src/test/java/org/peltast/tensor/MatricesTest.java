package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MatricesTest {
  private static final int ITEMS = 2;
  private static final int HEADS = 3;
  private static final int S = 5;
  private static final int D = 4;

  private static Floats filled(DType dtype, int seed, long... shape) {
    Floats f = Floats.allocate(dtype, shape);
    f.tensor().copyFrom(Rng.of(seed).normal(shape));
    return f;
  }

  /** [items, S, heads · D] as libtorch sees each head's matrix: [items, heads, S, D]. */
  private static Tensor heads(Floats byRow) {
    return byRow.tensor().reshape(ITEMS, S, HEADS, D).transpose(1, 2);
  }

  /** To float32's rounding, or to bfloat16's. */
  private static void close(Tensor actual, Tensor expected) {
    float[] a = actual.contiguous().to(DType.FLOAT32).toFloats();
    float[] b = expected.contiguous().to(DType.FLOAT32).toFloats();
    float near = actual.dtype() == DType.FLOAT32 ? 1e-5f : 0.008f;
    assertThat(a).hasSameSizeAs(b);
    for (int i = 0; i < a.length; i++) {
      assertThat(a[i]).isCloseTo(b[i], within(near * Math.max(1, Math.abs(b[i]))));
    }
  }

  /** Attention's products and those of its gradient, in both layouts. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "BFLOAT16"})
  void productsAreLibtorchs(DType dtype) {
    try (Scope scope = Scope.open()) {
      Floats q = filled(dtype, 1, ITEMS, HEADS, S, D);
      Floats v = filled(dtype, 2, ITEMS, S, HEADS * D);
      Floats p = Floats.allocate(dtype, ITEMS, HEADS, S, S);
      Floats o = Floats.allocate(dtype, ITEMS, S, HEADS * D);
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
  void bfloat16ProductsAreAddedToFloat32() {
    try (Scope scope = Scope.open()) {
      for (int size : new int[] {8, 40, 24}) { // the kept memory grows, and is larger than needed
        Tensor a = Rng.of(1).normal(size, 64).to(DType.BFLOAT16);
        Tensor b = Rng.of(2).normal(64, size).to(DType.BFLOAT16);
        Tensor rounded = a.matmul(b).to(DType.FLOAT32);
        Tensor sum = Tensor.ones(size, size);
        sum.assignProduct(a, b);
        assertThat(sum.toFloats()).isEqualTo(rounded.toFloats());
        sum.addProduct(a, b);
        assertThat(sum.toFloats()).isEqualTo(rounded.mul(2).toFloats());
        assertThatThrownBy(() -> sum.addProduct(a, b.to(DType.FLOAT32)))
            .isInstanceOf(TensorException.class);
        assertThatThrownBy(() -> a.matmul(b).addProduct(sum, sum))
            .isInstanceOf(TensorException.class);
      }
    }
  }

  @Test
  void memoryIsOfFloat32OrBfloat16() {
    assertThat(Floats.allocate(DType.BFLOAT16, 3, 5).count()).isEqualTo(15);
    assertThatThrownBy(() -> Floats.allocate(DType.INT64, 3))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("float32 or bfloat16");
    Floats wide = Floats.allocate(ITEMS, HEADS, S, S);
    Floats narrow = Floats.allocate(DType.BFLOAT16, ITEMS, HEADS, S, S);
    Matrices a = Matrices.byHead(wide, ITEMS, HEADS, S, S);
    Matrices b = Matrices.byHead(narrow, ITEMS, HEADS, S, S);
    assertThatThrownBy(() -> a.assignProduct(b, b))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("bfloat16");
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
          .hasMessageContaining("are not what lies in");
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
