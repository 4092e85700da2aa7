package org.peltast.tensor;

import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.global.torch;

/**
 * The largest singular values of a matrix M [m, n] and their vectors: M ≈ U diag(s) Vᵀ, the nearest
 * matrix of rank r in the Frobenius norm (Eckart and Young, 1936).
 *
 * <p>They are found by randomised subspace iteration (Halko, Martinsson and Tropp, 2011, algorithms
 * 4.4 and 5.1): products with M, and a decomposition of a matrix of a few more than r columns, so
 * that a layer of thousands by thousands takes a second, not minutes. Where r comes near min(m, n)
 * the subspace is the whole space, and the decomposition exact.
 *
 * @param u left vectors [m, r], orthonormal columns
 * @param s singular values [r], descending
 * @param v right vectors [n, r], orthonormal columns
 */
public record TruncatedSvd(Tensor u, Tensor s, Tensor v) {
  /** Columns beyond the rank: what they take up does not spoil the last ones asked for. */
  private static final int OVERSAMPLING = 16;

  /** Powers of M Mᵀ: with 4 the values asked for are right where the spectrum falls slowly too. */
  private static final int POWERS = 4;

  /**
   * Decomposes, in float32.
   *
   * @param matrix [m, n], float32
   * @param rank r, at most min(m, n)
   * @param rng of the first subspace
   * @throws TensorException if it is no such matrix, or has no such rank
   */
  public static TruncatedSvd of(Tensor matrix, int rank, Rng rng) {
    if (matrix.rank() != 2 || matrix.dtype() != DType.FLOAT32 || matrix.count() == 0) {
      throw new TensorException("a truncated SVD needs a float32 matrix, got " + matrix);
    }
    long smaller = Math.min(matrix.size(0), matrix.size(1));
    if (rank < 1 || rank > smaller) {
      throw new TensorException(
          "a truncated SVD of " + matrix + " has a rank from 1 to " + smaller + ", not " + rank);
    }
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      int columns = (int) Math.min(smaller, rank + OVERSAMPLING);
      Tensor transposed = matrix.transpose(0, 1);
      Tensor drawn = rng.normal(matrix.size(1), columns).to(matrix.device());
      Tensor basis = orthonormal(matrix.matmul(drawn));
      for (int i = 0; i < POWERS && columns < smaller; i++) {
        basis = orthonormal(matrix.matmul(orthonormal(transposed.matmul(basis))));
      }
      Tensor[] small = decomposed(basis.transpose(0, 1).matmul(matrix)); // [columns, n]
      return new TruncatedSvd(
          scope.release(basis.matmul(small[0].narrow(1, 0, rank))),
          scope.release(small[1].narrow(0, 0, rank).copy()),
          scope.release(small[2].narrow(0, 0, rank).transpose(0, 1).contiguous()));
    }
  }

  /** An orthonormal basis of what a matrix's columns span: Q of its QR decomposition. */
  private static Tensor orthonormal(Tensor columns) {
    org.bytedeco.pytorch.Tensor raw = columns.raw();
    return Tensor.op(
        "qr",
        () -> {
          try (T_TensorTensor_T both = torch.linalg_qr(raw)) {
            return new org.bytedeco.pytorch.Tensor(both.get0()); // the tuple owns its own
          }
        });
  }

  /** U, s and Vᵀ of a small matrix, whole. */
  private static Tensor[] decomposed(Tensor matrix) {
    Tensor[] parts = new Tensor[3];
    org.bytedeco.pytorch.Tensor raw = matrix.raw();
    parts[0] =
        Tensor.op(
            "svd",
            () -> {
              try (StringViewOptional driver = new StringViewOptional();
                  T_TensorTensorTensor_T all = torch.linalg_svd(raw, false, driver)) {
                parts[1] = Tensor.op("svd", () -> new org.bytedeco.pytorch.Tensor(all.get1()));
                parts[2] = Tensor.op("svd", () -> new org.bytedeco.pytorch.Tensor(all.get2()));
                return new org.bytedeco.pytorch.Tensor(all.get0());
              }
            });
    return parts;
  }
}
