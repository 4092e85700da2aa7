package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The largest singular values, and their vectors, of matrices whose spectrum is known. */
class TruncatedSvdTest {
  private static final Rng RNG = Rng.of(5);

  private static Tensor product(TruncatedSvd svd) {
    return svd.u().mul(svd.s()).matmul(svd.v().transpose(0, 1));
  }

  private static double relative(Tensor a, Tensor b) {
    return Math.sqrt(a.sub(b).square().sum().item() / b.square().sum().item());
  }

  @ParameterizedTest
  @CsvSource({"40, 24, 5", "24, 40, 24", "300, 200, 8", "7, 1, 1"})
  void aMatrixOfTheRankComesBack(int m, int n, int rank) {
    try (Scope s = Scope.open()) {
      Tensor matrix = RNG.fork("b").normal(m, rank).matmul(RNG.fork("a").normal(rank, n));
      TruncatedSvd svd = TruncatedSvd.of(matrix, rank, RNG);
      assertThat(svd.u().shape()).containsExactly(m, rank);
      assertThat(svd.v().shape()).containsExactly(n, rank);
      assertThat(relative(product(svd), matrix)).isLessThan(1e-5);
      assertThat(svd.s().square().sum().item())
          .isCloseTo(matrix.square().sum().item(), within(1e-4 * matrix.square().sum().item()));
    }
  }

  /** U diag(1, ½, ⅓, …) Vᵀ with orthonormal U and V: a spectrum that falls slowly. */
  @Test
  void theLargestValuesAreFoundInASlowlyFallingSpectrum() {
    try (Scope s = Scope.open()) {
      int n = 120;
      Tensor u = TruncatedSvd.of(RNG.fork("u").normal(150, n), n, RNG).u();
      Tensor v = TruncatedSvd.of(RNG.fork("v").normal(n, n), n, RNG).v();
      Tensor values = Tensor.ones(n).div(Tensor.arange(n).to(DType.FLOAT32).add(1));
      Tensor matrix = u.mul(values).matmul(v.transpose(0, 1));
      TruncatedSvd svd = TruncatedSvd.of(matrix, 10, RNG);
      float[] found = svd.s().toFloats();
      for (int i = 0; i < 10; i++) {
        assertThat((double) found[i]).isCloseTo(1.0 / (i + 1), within(1e-4));
      }
      assertThat(relative(svd.u().transpose(0, 1).matmul(svd.u()), identity(10))).isLessThan(1e-5);
      assertThat(relative(svd.v().transpose(0, 1).matmul(svd.v()), identity(10))).isLessThan(1e-5);
      double left = 0;
      for (int i = 10; i < n; i++) {
        left += 1.0 / ((i + 1.0) * (i + 1.0));
      }
      double residual = matrix.sub(product(svd)).square().sum().item();
      assertThat(residual).isCloseTo(left, within(1e-3 * left));
    }
  }

  private static Tensor identity(int n) {
    float[] values = new float[n * n];
    for (int i = 0; i < n; i++) {
      values[i * n + i] = 1;
    }
    return Tensor.of(values, n, n);
  }

  @Test
  void whatIsNoMatrixOrHasNoSuchRankIsRefused() {
    try (Scope s = Scope.open()) {
      Tensor matrix = Tensor.ones(4, 3);
      assertThatThrownBy(() -> TruncatedSvd.of(matrix, 4, RNG))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("a rank from 1 to 3, not 4");
      assertThatThrownBy(() -> TruncatedSvd.of(matrix.reshape(12), 1, RNG))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("float32 matrix");
      assertThatThrownBy(() -> TruncatedSvd.of(matrix.to(DType.FLOAT64), 1, RNG))
          .isInstanceOf(TensorException.class);
      assertThat(TruncatedSvd.of(Tensor.zeros(4, 3), 2, RNG).s().toFloats()).containsOnly(0);
    }
  }
}
