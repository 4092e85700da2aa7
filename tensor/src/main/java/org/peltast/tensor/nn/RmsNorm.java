package org.peltast.tensor.nn;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/** {@code y = w ⊙ x / √(mean(x²) + ε)} over the last dimension, in float32. */
public final class RmsNorm {
  private final Parameter weight; // [n]
  private final long n;
  private final double eps;

  /** Declares {@code weight} [n]. */
  public RmsNorm(Parameters parameters, long n, double eps) {
    this.weight = parameters.declare("weight", Parameters.Init.ones(), n);
    this.n = n;
    this.eps = eps;
  }

  /**
   * Applies the layer.
   *
   * @param x [..., n], any floating dtype
   * @return [..., n] float32
   */
  public Tensor forward(Tensor x) {
    return normalise(x, weight.value());
  }

  /**
   * Applies the layer with its weight already folded into a larger factor: one pass instead of two.
   *
   * @param factor broadcasts against [..., n], float32; {@link #weight()} times whatever follows
   */
  public Tensor normalise(Tensor x, Tensor factor) {
    Tensor f = x.to(DType.FLOAT32);
    // The norm's own kernel is twice as fast as mean of squares, forward and backward.
    Tensor rms = f.norm(true, -1).square().mul(1.0 / n).add(eps).rsqrt(); // [..., 1]
    return f.mul(rms).mul(factor);
  }

  /** The weight [n]. */
  public Parameter weight() {
    return weight;
  }
}
