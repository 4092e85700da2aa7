package org.peltast.tensor;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * A matrix for each item of a batch and each of its heads, somewhere in kept memory: many small
 * products at once, as attention needs them. libtorch's own batched product works them one by one
 * with all its bookkeeping, which takes longer than the product; this asks the BLAS beneath it.
 *
 * @param memory where they lie; used by one thread at a time
 * @param items in the batch
 * @param heads of each item
 * @param rows of a matrix as it lies
 * @param columns of a matrix as it lies
 * @param itemStep numbers from one item's first matrix to the next one's
 * @param headStep numbers from one head's matrix to the next one's
 * @param rowStep numbers from one row to the next
 * @param isTransposed whether products take them transposed
 */
public record Matrices(
    Floats memory,
    int items,
    int heads,
    int rows,
    int columns,
    int itemStep,
    int headStep,
    int rowStep,
    boolean isTransposed) {
  /** Checks that they lie within the memory. */
  public Matrices {
    if (items < 1 || heads < 1 || rows < 1 || columns < 1 || rowStep < columns) {
      throw new TensorException("matrices need items, heads, rows and columns");
    }
    long end = (items - 1L) * itemStep + (heads - 1L) * headStep + (rows - 1L) * rowStep + columns;
    if (itemStep < 0 || headStep < 0 || end > memory.count()) {
      throw new TensorException("matrices up to number " + end + " do not lie within " + memory);
    }
  }

  /** Each head's matrix [rows, columns] by itself: memory [items, heads, rows, columns]. */
  public static Matrices byHead(Floats memory, int items, int heads, int rows, int columns) {
    int one = step(rows, columns);
    return new Matrices(memory, items, heads, rows, columns, step(heads, one), one, columns, false);
  }

  /** The heads' columns side by side in each row: memory [items, rows, heads · columns]. */
  public static Matrices byRow(Floats memory, int items, int heads, int rows, int columns) {
    int row = step(heads, columns);
    return new Matrices(memory, items, heads, rows, columns, step(rows, row), columns, row, false);
  }

  private static int step(int count, int size) {
    long step = (long) count * size;
    if (step < 0 || step > Integer.MAX_VALUE) {
      throw new TensorException("matrices of " + count + " × " + size + " numbers are too large");
    }
    return (int) step;
  }

  /** The same matrices as products are to take them transposed. */
  public Matrices transposed() {
    return new Matrices(
        memory, items, heads, rows, columns, itemStep, headStep, rowStep, !isTransposed);
  }

  private int height() {
    return isTransposed ? columns : rows;
  }

  private int width() {
    return isTransposed ? rows : columns;
  }

  /**
   * {@code this ← a b}, for each item and head.
   *
   * @throws TensorException if shapes do not fit, or this is transposed or lies where a factor does
   */
  public void assignProduct(Matrices a, Matrices b) {
    if (isTransposed
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
    try (FloatPointer left = a.memory.pointer();
        FloatPointer right = b.memory.pointer();
        FloatPointer product = memory.pointer()) {
      for (int item = 0; item < items; item++) {
        for (int head = 0; head < heads; head++) {
          openblas_nolapack.cblas_sgemm(
              openblas_nolapack.CblasRowMajor,
              a.order(),
              b.order(),
              rows,
              columns,
              a.width(),
              1,
              left.position(a.place(item, head)),
              a.rowStep,
              right.position(b.place(item, head)),
              b.rowStep,
              0,
              product.position(place(item, head)),
              rowStep);
        }
      }
    }
  }

  private int order() {
    return isTransposed ? openblas_nolapack.CblasTrans : openblas_nolapack.CblasNoTrans;
  }

  private long place(int item, int head) {
    return (long) item * itemStep + (long) head * headStep;
  }

  private String described() {
    return "%d × %d matrices [%d, %d]".formatted(items, heads, height(), width());
  }
}
