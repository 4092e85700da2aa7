package org.peltast.tensor;

import java.util.Arrays;

/** Times the same matrix product in float32 and in bfloat16, once a process. */
final class Bfloat16Products {
  /** How much faster bfloat16 must be to be worth its rounding. */
  private static final double WORTH = 1.15;

  static final boolean FASTER = seconds(DType.FLOAT32) > WORTH * seconds(DType.BFLOAT16);

  private Bfloat16Products() {}

  /** The median time of x [1536, 256] by w [768, 256]. */
  private static double seconds(DType dtype) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor x = Rng.of(1).normal(1536, 256).to(dtype);
      Tensor w = Rng.of(2).normal(768, 256).to(dtype);
      double[] times = new double[7];
      for (int i = 0; i < times.length; i++) {
        long begin = System.nanoTime();
        Scope.run(() -> x.linear(w, null));
        times[i] = (System.nanoTime() - begin) / 1e9;
      }
      Arrays.sort(times);
      return times[times.length / 2];
    }
  }
}
