package org.peltast.tensor;

/** Times the same matrix product in float32 and in bfloat16, once a process. */
final class Bfloat16Products {
  /**
   * How much faster bfloat16 must be to be worth its rounding. Where a CPU has a fast path for it
   * the factor is 2 to 4, where not it is below 1: a busy machine's jitter does not cross this.
   */
  private static final double WORTH = 1.5;

  static final boolean FASTER = seconds(DType.FLOAT32) > WORTH * seconds(DType.BFLOAT16);

  private Bfloat16Products() {}

  /** The least time of x [1536, 256] by w [768, 256]: other processes can only add to it. */
  private static double seconds(DType dtype) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor x = Rng.of(1).normal(1536, 256).to(dtype);
      Tensor w = Rng.of(2).normal(768, 256).to(dtype);
      double least = Double.POSITIVE_INFINITY;
      for (int i = 0; i < 15; i++) {
        long begin = System.nanoTime();
        Scope.run(() -> x.linear(w, null));
        least = Math.min(least, (System.nanoTime() - begin) / 1e9);
      }
      return least;
    }
  }
}
