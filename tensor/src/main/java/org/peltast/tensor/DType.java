package org.peltast.tensor;

import org.bytedeco.pytorch.global.torch.ScalarType;

/** The element type of a {@link Tensor}. */
public enum DType {
  FLOAT32(ScalarType.Float, 4),
  FLOAT64(ScalarType.Double, 8),
  BFLOAT16(ScalarType.BFloat16, 2),
  FLOAT16(ScalarType.Half, 2),
  INT64(ScalarType.Long, 8),
  INT32(ScalarType.Int, 4),
  INT16(ScalarType.Short, 2),
  INT8(ScalarType.Char, 1),
  UINT8(ScalarType.Byte, 1),
  BOOL(ScalarType.Bool, 1),
  /** Pairs of float32: the view in which rotary embeddings are one product. Never stored. */
  COMPLEX64(ScalarType.ComplexFloat, 8);

  private final ScalarType raw;
  private final int bytes;

  DType(ScalarType raw, int bytes) {
    this.raw = raw;
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** True for the types that gradients can flow through. */
  public boolean isFloating() {
    return this == FLOAT32 || this == FLOAT64 || this == BFLOAT16 || this == FLOAT16;
  }

  ScalarType raw() {
    return raw;
  }

  static DType of(ScalarType raw) {
    for (DType d : values()) {
      // Enum constants that come back from native code are not interned: compare their values.
      if (d.raw.value == raw.value) {
        return d;
      }
    }
    throw new TensorException("libtorch returned a tensor of unsupported type " + raw.intern());
  }
}
