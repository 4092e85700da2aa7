package org.peltast.models.zimage.fused;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Floats;
import org.peltast.tensor.Tensor;

/** Where the tokens of some items stand, and which of them are there, for all blocks alike. */
final class Positions {
  private final int items;
  private final Turns all;
  private final Turns asked;
  private final Floats absent; // [n, S]
  private boolean alike;
  private boolean complete;

  Positions(Shape s) {
    items = s.items();
    all = new Turns(s);
    asked = s.isWhole() ? all : new Turns(s.askedAlone());
    absent = Floats.allocate(s.items(), s.tokens());
  }

  /**
   * Copies those of the items that begin at {@code from}.
   *
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] or null
   */
  void load(Tensor turns, @Nullable Tensor mask, int from) {
    Tensor angles = turns.asReal(); // [S, 1, headDim / 2, 2] or [B, S, 1, headDim / 2, 2]
    alike = turns.rank() == 3;
    complete = mask == null;
    all.load(alike ? angles : angles.narrow(0, from, items), alike);
    if (asked != all) {
      asked.load(alike ? angles : angles.narrow(0, from, items), alike);
    }
    if (mask != null) {
      absent.tensor().copyFrom(mask.narrow(0, from, items).reshape(absent.tensor().shape()));
    }
  }

  /** Cosine and sine of each pair's angle, of all tokens: [S, headDim] or [n, S, headDim]. */
  Floats turns() {
    return all.present(alike);
  }

  /** Those of the tokens that a block is asked for. */
  Floats turnsOfAsked(Shape s) {
    return s.isWhole() ? turns() : asked.present(alike);
  }

  /** What is added to the scores, [n, S], or null. */
  @Nullable Floats mask() {
    return complete ? null : absent;
  }

  /** Cosines and sines of some tokens, alike for all items or each item's own. */
  private static final class Turns {
    private final int tokens;
    private final Floats shared; // [S, headDim]
    private final Floats own; // [n, S, headDim]

    Turns(Shape s) {
      tokens = s.tokens();
      shared = Floats.allocate(s.tokens(), s.headDim());
      own = Floats.allocate(s.items(), s.tokens(), s.headDim());
    }

    Floats present(boolean alike) {
      return alike ? shared : own;
    }

    void load(Tensor angles, boolean alike) {
      Tensor to = present(alike).tensor();
      to.copyFrom(angles.narrow(alike ? 0 : 1, 0, tokens).reshape(to.shape()));
    }
  }
}
