package org.peltast.tensor;

import org.jspecify.annotations.Nullable;

/** {@code y = x Wᵀ + b}, computed in the network's product dtype. */
public final class Linear {
  private final Parameter weight; // [out, in]
  private final @Nullable Parameter bias; // [out]

  /** Declares {@code weight} [out, in] and, if wanted, {@code bias} [out] of zeros. */
  public Linear(Parameters parameters, long in, long out, boolean bias) {
    this(parameters, in, out, Parameters.Init.fanIn(in), bias ? Parameters.Init.zeros() : null);
  }

  /** Declares {@code weight} and, unless its initialisation is null, {@code bias}. */
  public Linear(
      Parameters parameters,
      long in,
      long out,
      Parameters.Init weight,
      Parameters.@Nullable Init bias) {
    this.weight = parameters.declare("weight", weight, out, in);
    this.bias = bias == null ? null : parameters.declare("bias", bias, out);
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

  /** Applies the layer in float32 whatever the network's products are: for what is small. */
  public Tensor forwardFloat32(Tensor x) {
    return x.to(DType.FLOAT32).linear(weight.value(), bias == null ? null : bias.value());
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
