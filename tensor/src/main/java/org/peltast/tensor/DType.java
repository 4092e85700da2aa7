package org.peltast.tensor;

import java.util.Objects;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.peltast.safetensors.SafetensorsType;

/** The element type of a {@link Tensor}. */
public enum DType {
  FLOAT32(ScalarType.Float, SafetensorsType.F32, 4),
  FLOAT64(ScalarType.Double, SafetensorsType.F64, 8),
  BFLOAT16(ScalarType.BFloat16, SafetensorsType.BF16, 2),
  FLOAT16(ScalarType.Half, SafetensorsType.F16, 2),
  INT64(ScalarType.Long, SafetensorsType.I64, 8),
  INT32(ScalarType.Int, SafetensorsType.I32, 4),
  INT16(ScalarType.Short, SafetensorsType.I16, 2),
  INT8(ScalarType.Char, SafetensorsType.I8, 1),
  UINT8(ScalarType.Byte, SafetensorsType.U8, 1),
  BOOL(ScalarType.Bool, SafetensorsType.BOOL, 1),
  /** Pairs of float32: the view in which rotary embeddings are one product. Never stored. */
  COMPLEX64(ScalarType.ComplexFloat, null, 8);

  /** By libtorch's own number: constants that come back from native code are not interned. */
  private static final @Nullable DType[] BY_NUMBER = new @Nullable DType[64];

  static {
    for (DType d : values()) {
      BY_NUMBER[d.raw.value] = d;
    }
  }

  private final ScalarType raw;
  private final @Nullable SafetensorsType stored;
  private final int bytes;

  DType(ScalarType raw, @Nullable SafetensorsType stored, int bytes) {
    this.raw = raw;
    this.stored = stored;
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

  /** The same type in a checkpoint file, or null for complex numbers. */
  public @Nullable SafetensorsType stored() {
    return stored;
  }

  /** The type of a tensor read from a checkpoint file, or null if it cannot be computed with. */
  public static @Nullable DType of(SafetensorsType stored) {
    Objects.requireNonNull(stored, "stored");
    for (DType d : values()) {
      if (d.stored == stored) {
        return d;
      }
    }
    return null;
  }

  ScalarType raw() {
    return raw;
  }

  static DType of(ScalarType raw) {
    int number = raw.value;
    DType d = number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : null;
    if (d == null) {
      throw new TensorException("libtorch returned a tensor of unsupported type " + raw.intern());
    }
    return d;
  }
}
