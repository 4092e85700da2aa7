package org.peltast.safetensors;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What a file says of one tensor, without its values.
 *
 * @param name the tensor's name, any Unicode text but {@code __metadata__}, which the format keeps
 * @param type element type
 * @param shape sizes, outermost first (row-major); empty for a scalar
 */
public record TensorInfo(String name, SafetensorsType type, List<Long> shape) {
  /**
   * @throws IllegalArgumentException if no file could hold such a tensor: a reserved or ill-formed
   *     name, a negative size, a byte size beyond 63 bits
   */
  public TensorInfo {
    Objects.requireNonNull(type, "type");
    shape = List.copyOf(shape);
    if (name.equals(Header.METADATA)) {
      throw new IllegalArgumentException(
          "a tensor cannot be named __metadata__: the format keeps it");
    }
    if (!StrictText.isWellFormed(name)) {
      throw new IllegalArgumentException(
          "its name has half of a surrogate pair and is no Unicode text");
    }
    type.byteSize(shape);
  }

  /** A tensor's name, type and shape. */
  public static TensorInfo of(String name, SafetensorsType type, long... shape) {
    return new TensorInfo(name, type, Arrays.stream(shape).boxed().toList());
  }

  /** The shape as an array of the caller's own. */
  public long[] dimensions() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }

  /** Number of elements: the product of the shape, 1 for a scalar. */
  public long elements() {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return count;
  }

  /** Bytes of the values. */
  public long byteSize() {
    return type.byteSize(shape);
  }
}
