package org.peltast.tensor.nn;

import org.peltast.tensor.Tensor;

/**
 * A low-rank adapter of a linear layer or a convolution (LoRA: Hu et al., 2021): beside the layer's
 * frozen weight W it computes {@code scale · B A x}, as if the weight were {@code W + scale · B A}.
 *
 * <p>A begins as PEFT's does, uniform within 1/√(fan-in), and B with zeros: the layer answers what
 * it answered without the adapter, bit for bit.
 */
public final class LowRank {
  /** What A is called behind a layer's name, as in diffusers' files. */
  public static final String A = "lora_A.weight";

  /** What B is called behind a layer's name. */
  public static final String B = "lora_B.weight";

  private final Parameter a; // [r, in] or [r, in, k, k]
  private final Parameter b; // [out, r] or [out, r, 1, 1]
  private final double scale;

  /**
   * Declares {@code lora_A.weight} and {@code lora_B.weight}.
   *
   * @param weight the shape of the layer's weight, [out, in] or [out, in, k, k]
   */
  LowRank(Parameters layer, Adapters.Size size, long... weight) {
    long[] first = weight.clone();
    first[0] = size.rank();
    long[] second = weight.clone();
    java.util.Arrays.fill(second, 1);
    second[0] = weight[0];
    second[1] = size.rank();
    double fanIn = 1;
    for (int i = 1; i < weight.length; i++) {
      fanIn *= weight[i];
    }
    a = layer.declareAdapter(A, new Parameters.Init.Uniform(1 / Math.sqrt(fanIn)), first);
    b = layer.declareAdapter(B, Parameters.Init.zeros(), second);
    scale = size.scale();
  }

  /** What is added to a linear layer's answer to x, [..., out] in the dtype of x. */
  Tensor linear(Tensor x) {
    return x.linear(a.inProducts(), null).mul(scale).linear(b.inProducts(), null);
  }

  /** The same in float32 whatever the network's products are. */
  Tensor linearFloat32(Tensor x) {
    return x.linear(a.value(), null).mul(scale).linear(b.value(), null);
  }

  /** What is added to a convolution's answer to x. */
  Tensor conv2d(Tensor x, int stride, int padding) {
    return x.conv2d(a.inProducts(), null, stride, padding)
        .mul(scale)
        .conv2d(b.inProducts(), null, 1, 0);
  }
}
