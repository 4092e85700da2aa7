package org.peltast.tensor;

import java.util.List;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * What the packages of this module share; not for other modules. Nothing is checked here: who calls
 * it has made sure that what is given fits.
 */
public final class Internals {
  private Internals() {}

  /**
   * What one fused step of AdamW changes, all of one shape, float32 and on one device.
   *
   * @param first the moving average of the gradient
   * @param second the moving average of its square
   */
  public record AdamWState(Tensor weight, Tensor gradient, Tensor first, Tensor second) {}

  /**
   * What one fused step of AdamW is computed with.
   *
   * @param count the number of this step, from 1
   * @param divisor [1] float32 on the weights' device, what gradients are divided by in their own
   *     place; null for 1
   * @param skip [1] float32 there, 1 if there is to be no step, else 0; null for 0
   */
  public record AdamWStep(
      double learningRate,
      double beta1,
      double beta2,
      double weightDecay,
      double eps,
      long count,
      @Nullable Tensor divisor,
      @Nullable Tensor skip) {}

  /** One native pass over some weights that have gradients, {@code aten::_fused_adamw_}. */
  public static void adamW(AdamWStep step, List<AdamWState> states) {
    FusedAdamW.run(step, states);
  }

  /**
   * The gradient of a softmax over the last dimension, {@code aten::_softmax_backward_data}: P ⊙
   * (dP − rowsum(dP ⊙ P)).
   *
   * @param gradient dP, by the weights
   * @param weights P, of the same shape, dtype and device
   */
  public static Tensor softmaxGradient(Tensor gradient, Tensor weights) {
    return SoftmaxGradient.of(gradient, weights);
  }

  /**
   * {@code a b} for each head, no part of a graph. In float32 on a CPU oneDNN multiplies, which
   * takes heads where they lie among others; libtorch copies them first and is four times as long.
   *
   * @param a [heads, rows, n]
   * @param b [heads, n, columns], of the same dtype and device
   * @return [heads, rows, columns]
   */
  public static Tensor productsByHead(Tensor a, Tensor b) {
    Matrices left = Matrices.byHead(a);
    Matrices right = Matrices.byHead(b);
    if (left == null || right == null || Matrices.obstacle(DType.FLOAT32) != null) {
      return a.matmul(b);
    }
    Tensor product = Tensor.uninitialised("matmul", DType.FLOAT32, a.size(0), a.size(1), b.size(2));
    Matrices to = Matrices.byHead(product);
    if (to == null) {
      return a.matmul(b);
    }
    to.assignProduct(left, right);
    return product;
  }

  /**
   * {@code softmax(q kᵀ + bias) v} by libtorch's {@code scaled_dot_product_attention}, which takes
   * a fused kernel where there is one.
   *
   * @param q [B, H, S, D], scaled
   * @param bias broadcasts against [B, H, S, T]; null adds nothing
   */
  public static Tensor attention(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
    Tensor mask =
        bias == null ? null : bias.to(q.dtype()).expand(q.size(0), q.size(1), q.size(2), k.size(2));
    return Tensor.op(
        "attention",
        () -> {
          try (TensorOptional added =
                  mask == null ? new TensorOptional() : new TensorOptional(mask.raw());
              DoubleOptional scale = new DoubleOptional(1)) {
            return torch.scaled_dot_product_attention(
                q.raw(), k.raw(), v.raw(), added, 0, false, scale, false);
          }
        });
  }
}
