package org.peltast.models.zimage.fused;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Floats;
import org.peltast.tensor.Tensor;

/** Where the tokens of some items stand, and which of them are there, for all blocks alike. */
final class Positions {
  private final int items;
  private final Floats shared; // [S, headDim]
  private final Floats own; // [n, S, headDim]
  private final Floats absent; // [n, S]
  private boolean alike;
  private boolean complete;

  Positions(Shape s) {
    items = s.items();
    shared = Floats.allocate(s.tokens(), s.headDim());
    own = Floats.allocate(s.items(), s.tokens(), s.headDim());
    absent = Floats.allocate(s.items(), s.tokens());
  }

  /**
   * Copies those of the items that begin at {@code from}.
   *
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] or null
   */
  void load(Tensor turns, @Nullable Tensor mask, int from) {
    alike = turns.rank() == 3;
    complete = mask == null;
    Tensor angles = turns().tensor();
    angles.copyFrom(
        (alike ? turns : turns.narrow(0, from, items)).asReal().reshape(angles.shape()));
    if (mask != null) {
      absent.tensor().copyFrom(mask.narrow(0, from, items).reshape(absent.tensor().shape()));
    }
  }

  /** Cosine and sine of each pair's angle, [S, headDim] or [n, S, headDim]. */
  Floats turns() {
    return alike ? shared : own;
  }

  /** What is added to the scores, [n, S], or null. */
  @Nullable Floats mask() {
    return complete ? null : absent;
  }
}
