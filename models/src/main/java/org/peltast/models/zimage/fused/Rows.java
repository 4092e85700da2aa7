package org.peltast.models.zimage.fused;

import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Matrices;

/** A matrix with a row for each token, in kept memory in the products' dtype. */
final class Rows {
  final HostBuffer memory;
  final Matrices all; // [rows, width]

  private Rows(HostBuffer memory, int rows, int width) {
    this.memory = memory;
    this.all = Matrices.one(memory, rows, width);
  }

  /** As wide as the stream, one row after another. */
  static Rows ofStream(Workspace.Space space, Shape s, int rows) {
    return new Rows(space.floats(s.products(), rows, s.dim()), rows, s.dim());
  }

  /** As wide as the feed-forward's middle, filled up to whole cache lines. */
  static Rows ofHidden(Workspace.Space space, Shape s) {
    int rows = s.askedRows();
    return new Rows(
        space.floats(s.products(), rows, Matrices.padded(s.hidden())), rows, s.hidden());
  }

  /** Each item's and head's columns. */
  Matrices heads(Shape s, int tokens) {
    return Matrices.byRow(memory, s.items(), s.heads(), tokens, s.headDim());
  }
}
