package org.peltast.tensor.nn;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/** 2-D convolution with a square kernel, computed in the network's product dtype. */
public final class Conv2d {
  private final Parameter weight; // [out, in, k, k]
  private final @Nullable Parameter bias; // [out]
  private final int stride;
  private final int padding;
  private final @Nullable LowRank adapter;

  /** Declares {@code weight} [out, in, k, k] and, if wanted, {@code bias} [out] of zeros. */
  public Conv2d(
      Parameters parameters, long in, long out, int kernel, int stride, int padding, boolean bias) {
    this(
        parameters,
        in,
        out,
        kernel,
        stride,
        padding,
        Parameters.Init.fanIn(fanIn(in, kernel)),
        bias ? Parameters.Init.zeros() : null);
  }

  private static long fanIn(long in, int kernel) {
    if (in < 1 || kernel < 1) {
      throw new TensorException(
          "a convolution needs at least one channel and one pixel, got "
              + in
              + " channels and kernel "
              + kernel);
    }
    return (long) ((double) in * kernel * kernel); // at most the largest long
  }

  /** Declares {@code weight} and, unless its initialisation is null, {@code bias}. */
  public Conv2d(
      Parameters parameters,
      long in,
      long out,
      int kernel,
      int stride,
      int padding,
      Parameters.Init weight,
      Parameters.@Nullable Init bias) {
    if (kernel < 1 || stride < 1 || padding < 0) {
      throw new TensorException(
          "a convolution needs kernel ≥ 1, stride ≥ 1 and padding ≥ 0; got "
              + kernel
              + ", "
              + stride
              + ", "
              + padding);
    }
    this.weight = parameters.declare("weight", weight, out, in, kernel, kernel);
    this.bias = bias == null ? null : parameters.declare("bias", bias, out);
    this.stride = stride;
    this.padding = padding;
    this.adapter = parameters.adapter(out, in, kernel, kernel);
  }

  /**
   * Applies the layer.
   *
   * @param x [B, in, H, W], any floating dtype
   * @return [B, out, H', W'] in the product dtype, H' = (H + 2·padding − k)/stride + 1
   */
  public Tensor forward(Tensor x) {
    Tensor w = weight.inProducts();
    Tensor in = x.to(w.dtype()).channelsLast();
    Tensor y = in.conv2d(w, bias == null ? null : bias.inProducts(), stride, padding);
    return adapter == null ? y : y.add(adapter.conv2d(in, stride, padding));
  }

  /** The weight [out, in, k, k]. */
  public Parameter weight() {
    return weight;
  }

  /** The bias [out], or null. */
  public @Nullable Parameter bias() {
    return bias;
  }
}
