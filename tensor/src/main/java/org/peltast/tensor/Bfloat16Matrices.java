package org.peltast.tensor;

import org.jspecify.annotations.Nullable;

/**
 * Bfloat16 matrices, for libtorch's batched product: behind it are the processor's instructions for
 * them. It takes matrices that lie one after another; where they lie side by side, they are copied
 * there before and back after, which costs a fraction of the product.
 */
final class Bfloat16Matrices extends Matrices {
  private final Floats stack; // [items · heads, rows, columns]: the memory, or a copy of it
  private final Tensor product; // what products are written to
  private final Tensor factor; // the same as products take it
  private final @Nullable Copy copy; // null where the memory is the stack

  /** The same matrices, [items, heads, rows, columns], where they lie and in the stack. */
  private record Copy(Tensor lying, Tensor stacked) {}

  Bfloat16Matrices(Floats memory, int items, int heads, int rows, int columns, boolean isByRow) {
    super(memory, items, heads, rows, columns, false);
    stack = isByRow ? Floats.allocate(DType.BFLOAT16, items, heads, rows, columns) : memory;
    product = stack.view(t -> t.reshape((long) items * heads, rows, columns));
    factor = product;
    copy =
        isByRow
            ? new Copy(
                memory.view(t -> t.reshape(items, rows, heads, columns).transpose(1, 2)),
                stack.tensor())
            : null;
  }

  private Bfloat16Matrices(Bfloat16Matrices m) {
    super(m.memory, m.items, m.heads, m.rows, m.columns, !m.isTransposed);
    stack = m.stack;
    product = m.product;
    factor = stack.view(t -> m.factor.transpose(1, 2));
    copy = m.copy;
  }

  @Override
  public Matrices transposed() {
    return new Bfloat16Matrices(this);
  }

  @Override
  void multiply(Matrices a, Matrices b) {
    product.assignProduct(((Bfloat16Matrices) a).gathered(), ((Bfloat16Matrices) b).gathered());
    if (copy != null) {
      copy.lying().copyFrom(copy.stacked());
    }
  }

  private Tensor gathered() {
    if (copy != null) {
      copy.stacked().copyFrom(copy.lying());
    }
    return factor;
  }
}
