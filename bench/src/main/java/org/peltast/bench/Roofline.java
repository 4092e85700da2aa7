package org.peltast.bench;

import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * The roofline: the best rate of a matrix product, by libtorch or by oneDNN asked directly, in 1e9
 * operations a second.
 *
 * @param float32 of float32 products
 * @param bf16 of bfloat16 products
 */
public record Roofline(double float32, double bf16) {
  /** (m, k, n): a small network's layers, a wider one's, and a square that fills the caches. */
  private static final int[][] SHAPES = {
    {4608, 256, 768}, {4608, 704, 256}, {2048, 1024, 1024}, {1536, 1536, 1536}
  };

  private static final int TIMES = 8;

  /** Measures now; other processes can only make it less. */
  public static Roofline measure() {
    return new Roofline(best(DType.FLOAT32), best(DType.BFLOAT16));
  }

  /** The roofline of a precision. */
  public double of(Precision precision) {
    return precision == Precision.BF16 ? bf16 : float32;
  }

  /** The higher of the two. */
  public double best() {
    return Math.max(float32, bf16);
  }

  /** The better of two measurements, each in its own precision. */
  Roofline or(Roofline other) {
    return new Roofline(Math.max(float32, other.float32), Math.max(bf16, other.bf16));
  }

  private static double best(DType dtype) {
    double best = 0;
    for (int[] s : SHAPES) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Tensor x = Rng.of(1).normal(s[0], s[1]).to(dtype);
        Tensor w = Rng.of(2).normal(s[2], s[1]).to(dtype);
        double work = 2.0 * s[0] * s[1] * s[2] / 1e9;
        best = Math.max(best, work / seconds(() -> Scope.run(() -> x.linear(w, null))));
        if (Matrices.obstacle(dtype) == null) {
          best = Math.max(best, work / ofMatrices(x, s[2]));
        }
      }
    }
    return best;
  }

  private static double ofMatrices(Tensor x, int columns) {
    try (Parameters weights = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Parameter w = weights.declare("w", Parameters.Init.zeros(), columns, x.size(1));
      w.value().copyFrom(Rng.of(2).normal(columns, x.size(1)));
      weights.changed();
      Matrices rows = Matrices.of(x);
      Matrices answer = Matrices.of(Tensor.zeros(x.dtype(), Device.CPU, x.size(0), columns));
      return seconds(() -> answer.assignLinear(rows, w.matrix()));
    }
  }

  /** The least time of several. */
  private static double seconds(Runnable product) {
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < TIMES; i++) {
      long begin = System.nanoTime();
      product.run();
      least = Math.min(least, (System.nanoTime() - begin) / 1e9);
    }
    return least;
  }
}
