package org.peltast.tensor;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * Float32 matrices, each where it is. libtorch's own batched product works them one by one with all
 * its bookkeeping, which takes longer than the product; this asks the BLAS beneath it.
 */
final class Float32Matrices extends Matrices {
  private final int itemStep; // numbers from one item's first matrix to the next one's
  private final int headStep; // numbers from one head's matrix to the next one's
  private final int rowStep; // numbers from one row to the next

  Float32Matrices(Floats memory, int items, int heads, int rows, int columns, boolean isByRow) {
    super(memory, items, heads, rows, columns, false);
    itemStep = heads * rows * columns; // no more than the memory holds
    headStep = isByRow ? columns : rows * columns;
    rowStep = isByRow ? heads * columns : columns;
  }

  private Float32Matrices(Float32Matrices m) {
    super(m.memory, m.items, m.heads, m.rows, m.columns, !m.isTransposed);
    itemStep = m.itemStep;
    headStep = m.headStep;
    rowStep = m.rowStep;
  }

  @Override
  public Matrices transposed() {
    return new Float32Matrices(this);
  }

  @Override
  void multiply(Matrices left, Matrices right) {
    Float32Matrices a = (Float32Matrices) left;
    Float32Matrices b = (Float32Matrices) right;
    try (FloatPointer x = a.memory.pointer();
        FloatPointer y = b.memory.pointer();
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
              x.position(a.place(item, head)),
              a.rowStep,
              y.position(b.place(item, head)),
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
}
