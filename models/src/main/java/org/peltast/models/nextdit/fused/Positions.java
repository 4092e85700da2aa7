package org.peltast.models.nextdit.fused;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Factor;
import org.peltast.tensor.kernels.RotaryTable;

/**
 * Where tokens stand, and which of them are there, for all blocks alike.
 *
 * @param turns of each token
 * @param absent what is added to the scores of each item's keys, or null
 */
record Positions(RotaryTable turns, @Nullable Factor absent) {
  /**
   * As kernels read them.
   *
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] or null
   */
  static Positions of(Tensor turns, @Nullable Tensor mask, int tokens, int headDim) {
    return new Positions(
        RotaryTable.of(turns.asReal().toFloats(), tokens, headDim),
        mask == null ? null : Factor.each(mask.toFloats(), tokens));
  }

  /** Those of the items from one on. */
  Positions from(int item) {
    return new Positions(turns.from(item), absent == null ? null : absent.from(item));
  }
}
