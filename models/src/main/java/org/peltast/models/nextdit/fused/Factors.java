package org.peltast.models.nextdit.fused;

import org.peltast.tensor.kernels.Factor;

/**
 * What follows a block's norms, or the gradients by it: the norms' weights, times the modulation
 * where there is one.
 *
 * @param attentionIn f₁
 * @param attentionOut f₂
 * @param feedForwardIn f₃
 * @param feedForwardOut f₄
 * @param query [headDim], 1/√headDim included; the same for all items
 * @param key [headDim]
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
record Factors(
    Factor attentionIn,
    Factor attentionOut,
    Factor feedForwardIn,
    Factor feedForwardOut,
    float[] query,
    float[] key) {
  /** Gradients that nobody asks for. */
  static final Factors NONE =
      new Factors(Factor.NONE, Factor.NONE, Factor.NONE, Factor.NONE, new float[0], new float[0]);

  /** Those of the items from one on. */
  Factors from(int item) {
    return new Factors(
        attentionIn.from(item),
        attentionOut.from(item),
        feedForwardIn.from(item),
        feedForwardOut.from(item),
        query,
        key);
  }
}
