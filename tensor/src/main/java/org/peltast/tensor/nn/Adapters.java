package org.peltast.tensor.nn;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.TensorException;

/**
 * Which layers of a network have a low-rank adapter (LoRA: Hu et al., 2021), and of what size.
 *
 * @see Parameters#adapted
 */
@FunctionalInterface
public interface Adapters {
  /** No layer has one: the network's weights alone, shared. */
  Adapters NONE = layer -> null;

  /**
   * The adapter of a layer; null if it has none.
   *
   * @param layer its name, that of its weight without {@code .weight}
   */
  @Nullable Size of(String layer);

  /**
   * The size of an adapter.
   *
   * @param rank r, at least 1
   * @param scale what multiplies its answer, {@code alpha / r}
   */
  record Size(int rank, double scale) {
    /** Checks the ranges. */
    public Size {
      if (rank < 1 || !Double.isFinite(scale)) {
        throw new TensorException(
            "an adapter's rank is at least 1 and its scale finite, got " + rank + " and " + scale);
      }
    }
  }
}
