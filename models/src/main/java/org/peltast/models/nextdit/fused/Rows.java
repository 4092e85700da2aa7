package org.peltast.models.nextdit.fused;

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

  /** As wide as a token's keys or values, one row after another. */
  static Rows ofGroups(Workspace.Space space, Shape s) {
    return new Rows(space.floats(s.products(), s.rows(), s.groupedDim()), s.rows(), s.groupedDim());
  }

  /** As wide as the feed-forward's middle, filled up to whole cache lines. */
  static Rows ofHidden(Workspace.Space space, Shape s) {
    int rows = s.askedRows();
    return new Rows(
        space.floats(s.products(), rows, Matrices.padded(s.hidden())), rows, s.hidden());
  }

  /** Each item's and query head's columns. */
  Matrices heads(Shape s, int tokens) {
    return Matrices.byRow(memory, s.items(), s.heads(), tokens, s.headDim());
  }

  /** Each item's columns of each head of keys or values. */
  Matrices groups(Shape s) {
    return Matrices.byRow(memory, s.items(), s.groups(), s.tokens(), s.headDim());
  }
}
