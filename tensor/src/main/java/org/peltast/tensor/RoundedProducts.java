package org.peltast.tensor;

/**
 * Products of bfloat16 matrices on their way into float32: libtorch adds them up in float32, but
 * writes them in their own dtype. Each thread keeps the memory that they pass through, as fresh
 * memory costs more than what is written to it.
 */
final class RoundedProducts {
  private static final ThreadLocal<RoundedProducts> OWN =
      ThreadLocal.withInitial(RoundedProducts::new);

  private Floats rounded = Floats.allocate(DType.BFLOAT16, 1);
  private Floats widened = Floats.allocate(DType.FLOAT32, 1);

  private RoundedProducts() {}

  /** {@code to ← a b}, rounded to the factors' bfloat16. */
  static void assign(Tensor to, Tensor a, Tensor b) {
    try (Scope s = Scope.open()) {
      to.raw().copy_(OWN.get().product(to, a, b).raw());
    }
  }

  /** {@code to ← to + a b}, of which the product is rounded to the factors' bfloat16. */
  static void add(Tensor to, Tensor a, Tensor b) {
    try (Scope s = Scope.open()) {
      // Widened first: a sum of two dtypes would be given fresh memory to do it in.
      Tensor product = OWN.get().product(to, a, b);
      to.raw().add_(part(OWN.get().widened, to).copyFrom(product).raw());
    }
  }

  private Tensor product(Tensor to, Tensor a, Tensor b) {
    if (rounded.count() < to.count()) {
      rounded = Floats.allocate(DType.BFLOAT16, to.count());
      widened = Floats.allocate(DType.FLOAT32, to.count());
    }
    return part(rounded, to).assignProduct(a, b);
  }

  private static Tensor part(Floats of, Tensor like) {
    return of.tensor().narrow(0, 0, like.count()).reshape(like.shape());
  }
}
