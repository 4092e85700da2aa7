package org.peltast.models.zimage.fused;

import java.util.List;
import org.peltast.tensor.Tensor;

/**
 * A block's matrices; the rest of its weights are in its {@link Factors}.
 *
 * @param toQ [dim, dim]
 * @param toK [dim, dim]
 * @param toV [dim, dim]
 * @param toOut [dim, dim]
 * @param w1 [hidden, dim]
 * @param w2 [dim, hidden]
 * @param w3 [hidden, dim]
 */
public record BlockWeights(
    Matrix toQ, Matrix toK, Matrix toV, Matrix toOut, Matrix w1, Matrix w2, Matrix w3) {
  /** In the order of the components. */
  List<Tensor> values() {
    return List.of(
        toQ.value(), toK.value(), toV.value(), toOut.value(), w1.value(), w2.value(), w3.value());
  }

  /** How many there are. */
  static final int COUNT = 7;

  /** Those of a block, from its layers' weights. */
  public static BlockWeights of(
      Tensor toQ, Tensor toK, Tensor toV, Tensor toOut, Tensor w1, Tensor w2, Tensor w3) {
    return new BlockWeights(
        new Matrix(toQ),
        new Matrix(toK),
        new Matrix(toV),
        new Matrix(toOut),
        new Matrix(w1),
        new Matrix(w2),
        new Matrix(w3));
  }

  /** Matrices of the same shapes, of zeros. */
  BlockWeights zeros() {
    return of(zeros(toQ), zeros(toK), zeros(toV), zeros(toOut), zeros(w1), zeros(w2), zeros(w3));
  }

  private static Tensor zeros(Matrix m) {
    return Tensor.zeros(m.value().shape());
  }

  /**
   * A weight matrix as products take it.
   *
   * @param value [out, in]
   */
  record Matrix(Tensor value) {
    /** [in, out], the same memory. */
    Tensor transposed() {
      return value.transpose(0, 1);
    }
  }
}
