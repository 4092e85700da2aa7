package org.peltast.safetensors;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * A tensor to be written: what it is, and where its bytes come from when their turn has come.
 *
 * <p>The bytes come in chunks of any size, one at a time, so that no checkpoint need be in memory
 * at once. The writer walks the chunks once, and is done with a chunk before it asks for the next:
 * the source may fill the same buffer again and again. Each chunk gives its remaining bytes,
 * row-major and little-endian; its position stays where it is.
 *
 * @param info name, type and shape
 * @param chunks the bytes, together {@link TensorInfo#byteSize()}
 */
public record TensorData(TensorInfo info, Iterable<ByteBuffer> chunks) {
  public TensorData {
    Objects.requireNonNull(info, "info");
    Objects.requireNonNull(chunks, "chunks");
  }

  /** A tensor whose bytes lie in one buffer, which is asked for when they are written. */
  public static TensorData of(TensorInfo info, Supplier<ByteBuffer> bytes) {
    return new TensorData(info, () -> List.of(bytes.get()).iterator());
  }
}
