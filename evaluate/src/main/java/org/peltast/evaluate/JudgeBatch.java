package org.peltast.evaluate;

import org.peltast.tensor.Tensor;

/**
 * What one update of the judge is made from.
 *
 * @param images [B, 3, s, s] float32 in [0, 1]
 * @param text mean token features of one caption each [B, textWidth] float32
 * @param families int64 [B], indices into the configuration's families
 * @param same [B, B] float32: 1 where two different rows show the same concept in the same family,
 *     and so are no negatives of each other; 0 elsewhere
 */
public record JudgeBatch(Tensor images, Tensor text, Tensor families, Tensor same) {
  /** The number of pictures. */
  public int size() {
    return (int) images.size(0);
  }
}
