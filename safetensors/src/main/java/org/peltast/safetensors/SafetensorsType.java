package org.peltast.safetensors;

import java.util.List;

/**
 * The element type of a stored tensor; {@link #name()} is the {@code dtype} written in the file.
 *
 * <p>The constants stand in the order of the reference library's own enumeration, because that
 * order decides the layout of a file: data is laid down by descending type, then by name, so that
 * wider elements, which need the stricter alignment, come first.
 */
public enum SafetensorsType {
  BOOL(8),
  /** Four bits: two elements in a byte (OCP MXFP4). */
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  /** A power of two: the scale of an OCP microscaling block. */
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(16),
  BF16(16),
  I32(32),
  U32(32),
  F32(32),
  /** A complex number of two 32-bit parts. */
  C64(64),
  F64(64),
  I64(64),
  U64(64);

  private final int bits;

  SafetensorsType(int bits) {
    this.bits = bits;
  }

  /** Bits of one element: 8 for a boolean, less than 8 for the packed types alone. */
  public int bits() {
    return bits;
  }

  /**
   * Bytes that a tensor of this type and shape takes in a file.
   *
   * @throws IllegalArgumentException if a size is negative, the product does not fit 63 bits, or
   *     packed elements do not fill their last byte
   */
  public long byteSize(List<Long> shape) {
    long count = 1;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("its shape " + shape + " has a negative size");
      }
      if (Math.multiplyHigh(count, size) != 0 || count * size < 0) {
        throw new IllegalArgumentException("its shape " + shape + " overflows 63 bits");
      }
      count *= size;
    }
    if (count > Long.MAX_VALUE / bits) {
      throw new IllegalArgumentException(
          "its shape " + shape + " of " + this + " overflows 63 bits");
    }
    long total = count * bits;
    if (total % 8 != 0) {
      throw new IllegalArgumentException(
          "its shape " + shape + " of " + this + " does not end at a whole byte");
    }
    return total / 8;
  }
}
