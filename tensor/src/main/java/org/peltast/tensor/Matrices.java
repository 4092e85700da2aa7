package org.peltast.tensor;

/**
 * A matrix for each item of a batch and each of its heads, somewhere in kept memory: many small
 * products at once, as attention needs them. Used by one thread at a time.
 */
public abstract sealed class Matrices permits Float32Matrices, Bfloat16Matrices {
  final Floats memory;
  final int items;
  final int heads;
  final int rows; // of a matrix as it lies
  final int columns;
  final boolean isTransposed; // as products take them

  Matrices(Floats memory, int items, int heads, int rows, int columns, boolean isTransposed) {
    if (items < 1 || heads < 1 || rows < 1 || columns < 1) {
      throw new TensorException("matrices need items, heads, rows and columns");
    }
    if ((long) items * heads * rows * columns != memory.count()) {
      throw new TensorException(
          "%d × %d matrices [%d, %d] are not what lies in %s"
              .formatted(items, heads, rows, columns, memory));
    }
    this.memory = memory;
    this.items = items;
    this.heads = heads;
    this.rows = rows;
    this.columns = columns;
    this.isTransposed = isTransposed;
  }

  /** Each head's matrix [rows, columns] by itself: memory [items, heads, rows, columns]. */
  public static Matrices byHead(Floats memory, int items, int heads, int rows, int columns) {
    return of(memory, items, heads, rows, columns, false);
  }

  /** The heads' columns side by side in each row: memory [items, rows, heads · columns]. */
  public static Matrices byRow(Floats memory, int items, int heads, int rows, int columns) {
    return of(memory, items, heads, rows, columns, true);
  }

  private static Matrices of(
      Floats memory, int items, int heads, int rows, int columns, boolean isByRow) {
    return memory.dtype() == DType.FLOAT32
        ? new Float32Matrices(memory, items, heads, rows, columns, isByRow)
        : new Bfloat16Matrices(memory, items, heads, rows, columns, isByRow);
  }

  /** The same matrices as products are to take them transposed. */
  public abstract Matrices transposed();

  /**
   * {@code this ← a b}, for each item and head.
   *
   * @throws TensorException if shapes or dtypes do not fit, or this is transposed or lies where a
   *     factor does
   */
  public final void assignProduct(Matrices a, Matrices b) {
    if (isTransposed
        || a.getClass() != getClass()
        || b.getClass() != getClass()
        || a.items != items
        || b.items != items
        || a.heads != heads
        || b.heads != heads
        || a.height() != rows
        || b.width() != columns
        || a.width() != b.height()
        || memory == a.memory
        || memory == b.memory) {
      throw new TensorException(
          "the products of " + a.described() + " and " + b.described() + " are no " + described());
    }
    multiply(a, b);
  }

  /** {@code this ← a b}, which fit and are of this class. */
  abstract void multiply(Matrices a, Matrices b);

  final int height() {
    return isTransposed ? columns : rows;
  }

  final int width() {
    return isTransposed ? rows : columns;
  }

  private String described() {
    return "%d × %d matrices [%d, %d] in %s".formatted(items, heads, height(), width(), memory);
  }
}
