package org.peltast.models.zimage.fused;

import org.peltast.tensor.DType;
import org.peltast.tensor.Floats;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Tensor;

/** A matrix with a row for each token, in kept memory, and the views that products take. */
class Rows {
  final Floats memory;
  final Tensor rows; // [n·S, width]
  final Tensor columns; // [width, n·S], the same memory
  final Tensor items; // [n, S, width], the same memory

  /** What products read or write. */
  Rows(Shape s, int width) {
    this(s.products(), s, width);
  }

  /** Of the stream, or of its gradient: float32 whatever the products are. */
  static Rows ofStream(Shape s) {
    return new Rows(DType.FLOAT32, s, s.dim());
  }

  private Rows(DType dtype, Shape s, int width) {
    memory = Floats.allocate(dtype, s.rows(), width);
    rows = memory.tensor();
    columns = memory.view(t -> t.transpose(0, 1));
    items = memory.view(t -> t.reshape(s.items(), s.tokens(), width));
  }

  /** The first tokens of each item, [n, count, width], the same memory. */
  Tensor first(int count) {
    return memory.view(t -> items.narrow(1, 0, count));
  }

  /** Rows in which each token's heads lie side by side. */
  static final class OfHeads extends Rows {
    final Matrices each; // [S, headDim], the same memory
    final Matrices transposed; // [headDim, S], the same memory

    OfHeads(Shape s) {
      super(s, s.dim());
      each = Matrices.byRow(memory, s.items(), s.heads(), s.tokens(), s.headDim());
      transposed = each.transposed();
    }
  }
}
