package org.peltast.tensor;

import org.bytedeco.javacpp.Pointer;

/**
 * A weight in a product's dtype and in the order in which products read it fastest, made anew when
 * the weight has changed.
 */
final class Packed {
  private final OneDnn.Layout lying;
  private final OneDnn.PackedLayout layout;
  private final HostBuffer memory;
  private boolean filled;
  private int version; // of the values that fill it

  /**
   * Room for it.
   *
   * @param lying the float32 weight as products would take it unpacked
   */
  Packed(OneDnn.Layout lying, DType dtype) {
    this.lying = lying;
    layout = OneDnn.PackedLayout.of(dtype, lying.rows(), lying.columns());
    memory = HostBuffer.allocate(dtype, layout.count());
  }

  /** Packs the weight's values, unless they are those of that version already. */
  Packed of(Tensor values, int wanted) {
    if (!filled || version != wanted) {
      try (Pointer place = values.raw().data_ptr()) {
        OneDnn.pack(lying, place, layout, memory);
      }
      version = wanted;
      filled = true;
    }
    return this;
  }

  OneDnn.PackedLayout layout() {
    return layout;
  }

  OneDnn.Place memory() {
    return memory.place();
  }

  DType dtype() {
    return memory.dtype();
  }
}
