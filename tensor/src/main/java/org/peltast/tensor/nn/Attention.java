package org.peltast.tensor.nn;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Internals;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * Scaled dot-product attention, {@code softmax(q kᵀ/√D + bias) v}.
 *
 * <p>How it is computed depends on where, and on how many scores an item has, never on the batch:
 *
 * <ul>
 *   <li>On a GPU by libtorch's fused kernels, which keep no scores.
 *   <li>On a CPU, where an item's scores fit a cache, by two batched products. In bfloat16 they
 *       take a seventh of the time of libtorch's fused kernel in float32 (which is slower yet in
 *       bfloat16). The scores are kept for the backward pass.
 *   <li>Where they do not fit, by the same products of a part of the heads and queries at a time:
 *       no scores are kept, and it is faster, as they stay in the cache.
 * </ul>
 *
 * <p>The softmax computes in float32 whatever the dtype: its kernel widens what it reads and rounds
 * what it writes.
 */
public final class Attention {
  /** Added to the score of a key that is not there: its weight is then exactly 0. */
  private static final double ABSENT = -1e30;

  /** So many scores of an item are computed, and kept, at once; the batch has no part in it. */
  static final long KEPT = 1 << 20;

  private Attention() {}

  /**
   * Attends.
   *
   * @param q [B, H, S, D]
   * @param k [B, H, T, D], of q's dtype
   * @param v [B, H, T, E], of q's dtype
   * @param bias what is added to the scores, float32 [B, 1, 1, T] or anything that broadcasts
   *     against [B, H, S, T]; see {@link #bias}; null adds nothing
   * @return [B, H, S, E] in q's dtype
   */
  public static Tensor of(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
    require(q, k, v);
    // The scale goes into the queries, of which there are fewer than scores.
    return scaled(q.mul(1 / Math.sqrt((double) q.size(3))), k, v, bias);
  }

  /** Attends as {@link #of}, with queries that carry the factor 1/√D already. */
  public static Tensor scaled(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
    require(q, k, v);
    Device device = MetaMemory.standsFor(q.device());
    if (q.device().kind() == Device.Kind.CUDA) {
      return Internals.attention(q, k, v, bias);
    }
    boolean kept = q.size(1) * q.size(2) * k.size(2) <= KEPT;
    return kept && device.kind() != Device.Kind.CUDA
        ? whole(q, k, v, bias)
        : ChunkedAttention.of(q, k, v, bias);
  }

  /** By two products, all scores at once. */
  static Tensor whole(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
    Tensor scores = q.matmul(k.transpose(2, 3)); // [B, H, S, T]
    if (bias != null) {
      scores = scores.add(bias.to(q.dtype()));
    }
    return scores.softmax(-1).matmul(v);
  }

  private static void require(Tensor q, Tensor k, Tensor v) {
    if (q.rank() != 4
        || k.rank() != 4
        || v.rank() != 4
        || q.size(3) != k.size(3)
        || k.size(2) != v.size(2)
        || q.size(0) != k.size(0)
        || q.size(0) != v.size(0)
        || q.size(1) != k.size(1)
        || q.size(1) != v.size(1)) {
      throw new TensorException(
          "attention needs q [B, H, S, D], k [B, H, T, D] and v [B, H, T, E], got "
              + q
              + ", "
              + k
              + " and "
              + v);
    }
    if (q.size(3) == 0 || k.size(2) == 0) {
      throw new TensorException("attention needs at least one key of one element, got " + k);
    }
  }

  /**
   * What to add to scores so that only some keys are attended to; made once, it serves all layers.
   * An item without any key attends to all alike, rather than becoming NaN.
   *
   * @param keys [B, T]; BOOL or whole numbers, true or 1 where the key counts
   * @return float32 [B, 1, 1, T]
   */
  public static Tensor bias(Tensor keys) {
    if (keys.rank() != 2 || keys.dtype().isFloating() || keys.dtype() == DType.COMPLEX64) {
      throw new TensorException("a mask over keys is [B, T] of BOOL or whole numbers, got " + keys);
    }
    return Scope.compute(
        () ->
            keys.to(DType.BOOL)
                .to(DType.FLOAT32)
                .sub(1)
                .mul(-ABSENT)
                .reshape(keys.size(0), 1, 1, keys.size(1)));
  }
}
