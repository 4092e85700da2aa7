package org.peltast.tensor;

import org.bytedeco.javacpp.Pointer;

/**
 * A weight in a product's dtype and in the order in which products read it fastest, made anew when
 * the weight has changed.
 */
final class Packed {
  private final OneDnn.Layout lying;
  private final OneDnn.PackedLayout layout;
  private final Floats memory;
  private int version = -1;

  /**
   * Room for it.
   *
   * @param weight float32 [out, in]
   * @param transposed whether products take it as [in, out]
   */
  Packed(Tensor weight, DType dtype, boolean transposed) {
    int rows = (int) weight.size(0);
    int columns = (int) weight.size(1);
    int all = (int) weight.count();
    OneDnn.Layout plain =
        new OneDnn.Layout(DType.FLOAT32, 1, 1, rows, columns, all, all, columns, 1);
    lying = transposed ? plain.transposed() : plain;
    layout = OneDnn.PackedLayout.of(dtype, lying.rows(), lying.columns());
    memory = Floats.allocate(dtype, layout.count());
  }

  /** Packs the weight's values, unless they are those of that version already. */
  Packed of(Tensor values, int wanted) {
    if (version != wanted) {
      try (Pointer place = values.raw().data_ptr()) {
        OneDnn.pack(lying, place, layout, memory);
      }
      version = wanted;
    }
    return this;
  }

  OneDnn.PackedLayout layout() {
    return layout;
  }

  Floats memory() {
    return memory;
  }

  DType dtype() {
    return memory.dtype();
  }

  int rows() {
    return lying.rows();
  }

  int columns() {
    return lying.columns();
  }

  @Override
  public String toString() {
    return "a weight [%d, %d]".formatted(rows(), columns());
  }
}
