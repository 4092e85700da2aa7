package org.peltast.tensor;

import org.jspecify.annotations.Nullable;

/** {@code y = x Wᵀ + b}, computed in the network's product dtype. */
public final class Linear {
  private final Parameter weight; // [out, in]
  private final @Nullable Parameter bias; // [out]

  /** Declares {@code weight} [out, in] and, if wanted, {@code bias} [out]. */
  public Linear(Parameters parameters, long in, long out, boolean bias) {
    this(parameters, in, out, bias, Parameters.Init.fanIn(in));
  }

  /** Like the other constructor, with the weight's own initialisation. */
  public Linear(Parameters parameters, long in, long out, boolean bias, Parameters.Init init) {
    this.weight = parameters.declare("weight", init, out, in);
    this.bias = bias ? parameters.declare("bias", Parameters.Init.zeros(), out) : null;
  }

  /**
   * Applies the layer.
   *
   * @param x [..., in], any floating dtype
   * @return [..., out] in the product dtype
   */
  public Tensor forward(Tensor x) {
    Tensor w = weight.inProducts();
    return x.to(w.dtype()).linear(w, bias == null ? null : bias.inProducts());
  }

  /** The weight [out, in]. */
  public Parameter weight() {
    return weight;
  }

  /** The bias [out], or null. */
  public @Nullable Parameter bias() {
    return bias;
  }
}
