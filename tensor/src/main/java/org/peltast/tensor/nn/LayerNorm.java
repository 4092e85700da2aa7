package org.peltast.tensor.nn;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/**
 * {@code y = w ⊙ (x − mean(x)) / √(var(x) + ε) + b} over the last dimension, in float32 (Ba, Kiros
 * and Hinton, 2016). Without weights it is {@link Tensor#layerNorm(double)}.
 */
public final class LayerNorm {
  private final Parameter weight; // [n]
  private final Parameter bias; // [n]
  private final double eps;

  /** Declares {@code weight} and {@code bias} [n]. */
  public LayerNorm(Parameters parameters, long n, double eps) {
    this.weight = parameters.declare("weight", Parameters.Init.ones(), n);
    this.bias = parameters.declare("bias", Parameters.Init.zeros(), n);
    this.eps = eps;
  }

  /**
   * Applies the layer.
   *
   * @param x [..., n], any floating dtype
   * @return [..., n] float32
   */
  public Tensor forward(Tensor x) {
    return x.to(DType.FLOAT32).layerNorm(weight.value(), bias.value(), eps);
  }
}
