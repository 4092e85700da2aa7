package org.peltast.distill;

import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.tensor.Tensor;

/**
 * What one update is made from, in the scope of that update.
 *
 * @param condition the captions' features
 * @param empty the empty caption's features, as many as captions
 * @param clean latents of the captions' images [B, C, h, w] float32, for methods that learn from
 *     data; null otherwise
 */
public record Batch(Condition condition, Condition empty, @Nullable Tensor clean) {
  /** Checks that the parts fit. */
  public Batch {
    if (empty.batch() != condition.batch()
        || (clean != null && clean.size(0) != condition.batch())) {
      throw new IllegalArgumentException(
          "a batch needs as many empty captions and images as captions");
    }
  }

  /** The number of captions. */
  public int size() {
    return condition.batch();
  }
}
