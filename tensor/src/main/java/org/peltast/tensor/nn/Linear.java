package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/** {@code y = x Wᵀ + b}, computed in the network's product dtype. */
public final class Linear {
  private final Parameter weight; // [out, in]
  private final @Nullable Parameter bias; // [out]
  private final @Nullable LowRank adapter;

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
    this.adapter = parameters.adapter(out, in);
  }

  /**
   * Applies the layer.
   *
   * @param x [..., in], any floating dtype
   * @return [..., out] in the product dtype
   */
  public Tensor forward(Tensor x) {
    Tensor w = weight.inProducts();
    Tensor in = x.to(w.dtype());
    Tensor y = in.linear(w, bias == null ? null : bias.inProducts());
    return adapter == null ? y : y.add(adapter.linear(in));
  }

  /** Applies the layer in float32 whatever the network's products are: for what is small. */
  public Tensor forwardFloat32(Tensor x) {
    Tensor in = x.to(DType.FLOAT32);
    Tensor w = weight.value().to(DType.FLOAT32);
    Tensor y = in.linear(w, bias == null ? null : bias.value());
    return adapter == null ? y : y.add(adapter.linearFloat32(in));
  }

  /**
   * The answers of several layers without biases to the same rows, side by side, by one product:
   * the rows are read once, and one product of the joint width is faster.
   *
   * @param x [..., in], any floating dtype
   * @return [..., the sum of their outs] in the product dtype
   */
  public static Tensor together(Tensor x, Linear... layers) {
    List<Tensor> weights = new ArrayList<>();
    for (Linear layer : layers) {
      weights.add(layer.weight.inProducts());
    }
    Tensor joint = weights.size() == 1 ? weights.get(0) : Tensor.cat(weights, 0);
    Tensor in = x.to(joint.dtype());
    Tensor y = in.linear(joint, null);
    if (Stream.of(layers).allMatch(layer -> layer.adapter == null)) {
      return y;
    }
    List<Tensor> parts = new ArrayList<>();
    long at = 0;
    for (int i = 0; i < layers.length; i++) {
      long out = weights.get(i).size(0);
      Tensor part = y.narrow(y.rank() - 1, at, out);
      LowRank own = layers[i].adapter;
      parts.add(own == null ? part : part.add(own.linear(in)));
      at += out;
    }
    return Tensor.cat(parts, y.rank() - 1);
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
