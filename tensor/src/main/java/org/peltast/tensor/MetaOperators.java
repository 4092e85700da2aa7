package org.peltast.tensor;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Operations that libtorch cannot compute, forth or back, on the {@linkplain Device#META meta
 * device}, put together from those that it can: what they give has the shape, dtype and layout of
 * the real ones, gradients reach the same inputs, and the same inputs are kept for them.
 */
final class MetaOperators {
  private MetaOperators() {}

  /** Keeps x, as the norm does, and two numbers a row. */
  static Tensor layerNorm(Tensor x) {
    return Scope.compute(() -> x.mul(x.mean(true, -1)));
  }

  /** Keeps x and the weight. */
  static Tensor scaled(Tensor x, Tensor weight, Tensor bias) {
    return Scope.compute(() -> x.mul(weight).add(bias));
  }

  static Tensor groupNorm(Tensor x, Tensor weight, Tensor bias) {
    long[] channels = new long[x.rank()];
    Arrays.fill(channels, 1);
    channels[1] = x.size(1);
    return Scope.compute(() -> scaled(x, weight.reshape(channels), bias.reshape(channels)));
  }

  static Tensor variance(Tensor x, boolean keep, int... dims) {
    return Scope.compute(() -> x.mul(x.mean(true, dims)).mean(keep, dims));
  }

  /** With its batches merged first, which copies what is not laid out so, as libtorch does. */
  static Tensor matmul(Tensor a, Tensor b) {
    int n = a.rank();
    return Scope.compute(
        () -> {
          Tensor product = merged(a).matmul(merged(b));
          long[] shape = a.shape();
          shape[n - 1] = b.size(n - 1);
          return product.reshape(shape);
        });
  }

  private static Tensor merged(Tensor x) {
    return x.reshape(-1, x.size(x.rank() - 2), x.size(x.rank() - 1));
  }

  /**
   * The product of each pixel by one of the kernel's matrices: it keeps the input and the kernel.
   */
  static Tensor conv2d(Tensor x, Tensor weight, @Nullable Tensor bias, int stride, int padding) {
    long height = (x.size(2) + 2L * padding - weight.size(2)) / stride + 1;
    long width = (x.size(3) + 2L * padding - weight.size(3)) / stride + 1;
    return Scope.compute(
        () -> {
          boolean same = height == x.size(2) && width == x.size(3);
          Tensor in = same ? x : x.upsampleNearest(height, width);
          Tensor rows = in.permute(0, 2, 3, 1).reshape(x.size(0), height * width, x.size(1));
          Tensor matrix = weight.select(3, 0).select(2, 0); // [O, C]
          return rows.linear(matrix, bias)
              .reshape(x.size(0), height, width, weight.size(0))
              .permute(0, 3, 1, 2);
        });
  }

  /** One slice, so many times. */
  static Tensor indexSelect(Tensor x, int dim, long count) {
    long[] shape = x.shape();
    shape[dim] = count;
    return Scope.compute(() -> x.narrow(dim, 0, 1).expand(shape).contiguous());
  }
}
