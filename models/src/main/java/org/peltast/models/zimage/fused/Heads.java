package org.peltast.models.zimage.fused;

import org.peltast.tensor.Floats;
import org.peltast.tensor.Matrices;

/** A matrix for each item and head, in kept memory in the products' dtype. */
final class Heads {
  final Floats memory; // [n, H, S, width]
  final Matrices each; // [S, width]
  final Matrices transposed; // [width, S], the same memory

  /** S being the tokens of the shape. */
  Heads(Shape s, int width) {
    memory = Floats.allocate(s.products(), (long) s.items() * s.heads(), s.tokens(), width);
    each = Matrices.byHead(memory, s.items(), s.heads(), s.tokens(), width);
    transposed = each.transposed();
  }
}
