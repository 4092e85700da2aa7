package org.peltast.models.zimage.fused;

import org.peltast.tensor.Floats;
import org.peltast.tensor.Tensor;

/** A matrix for each item and head, in kept memory, and the views that batched products take. */
final class Heads {
  final Floats memory;
  final Tensor each; // [n·H, S, width]
  final Tensor transposed; // [n·H, width, S], the same memory
  private final Tensor byToken; // [n, S, H, width], the same memory

  Heads(Shape s, int width) {
    memory = Floats.allocate((long) s.items() * s.heads(), s.tokens(), width);
    each = memory.tensor();
    transposed = memory.view(t -> t.transpose(1, 2));
    byToken = memory.view(t -> t.reshape(s.items(), s.heads(), s.tokens(), width).transpose(1, 2));
  }

  /** Copies from a token's row, where its heads lie side by side. */
  void takeRows(Rows.OfHeads rows) {
    byToken.copyFrom(rows.byHead);
  }

  /** Copies to a token's row. */
  void giveRows(Rows.OfHeads rows) {
    rows.byHead.copyFrom(byToken);
  }
}
