package org.peltast.models;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Tensor;

/** A 2-D convolution of square kernel that keeps the size, or halves it with stride 2. */
final class Convolution {
  private final Parameter weight; // [out, in, k, k]
  private final @Nullable Parameter bias; // [out]
  private final int kernel;
  private final int stride;

  /** Declares {@code weight} [out, in, k, k] and, if wanted, {@code bias} [out]. */
  Convolution(Parameters p, int in, int out, int kernel, int stride, boolean bias) {
    this.weight =
        p.declare(
            "weight", Parameters.Init.fanIn((long) in * kernel * kernel), out, in, kernel, kernel);
    this.bias = bias ? p.declare("bias", Parameters.Init.zeros(), out) : null;
    this.kernel = kernel;
    this.stride = stride;
  }

  /** Like the other constructor, with stride 1 and a bias. */
  Convolution(Parameters p, int in, int out, int kernel) {
    this(p, in, out, kernel, 1, true);
  }

  /** Applies the layer to [B, in, H, W], zeros around it: [B, out, H / stride, W / stride]. */
  Tensor forward(Tensor x) {
    return forward(x, kernel / 2);
  }

  /** Applies the layer with a given padding on all sides. */
  Tensor forward(Tensor x, int padding) {
    return x.conv2d(weight.value(), bias == null ? null : bias.value(), stride, padding);
  }
}
