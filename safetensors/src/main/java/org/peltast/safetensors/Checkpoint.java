package org.peltast.safetensors;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Named tensors on disk, open for reading: one file, or several shards under an index.
 *
 * <p>Opening reads and checks the headers alone; values are mapped and come from disk when touched.
 * Any number of threads may read at once. After {@link #close()} every method but {@link #path()}
 * throws {@link IllegalStateException}; buffers handed out before stay valid.
 *
 * <p>A file must not be changed in place while it is mapped. Replacing it by renaming another over
 * it, as {@link SafetensorsWriter} does, is safe: an open checkpoint goes on showing the old file.
 */
public sealed interface Checkpoint extends AutoCloseable
    permits SafetensorsFile, ShardedCheckpoint {
  /**
   * Opens a checkpoint.
   *
   * @param path a safetensors file; an index ({@code *.index.json}); or a folder that holds exactly
   *     one of them
   * @throws SafetensorsException if there is none, more than one, or it is malformed in any way
   */
  static Checkpoint open(Path path) {
    if (Files.isDirectory(path)) {
      return ShardedCheckpoint.openFolder(path);
    }
    return path.toString().endsWith(".json")
        ? ShardedCheckpoint.openIndex(path)
        : SafetensorsFile.open(path);
  }

  /** The file, or the index of the shards. */
  Path path();

  /** The safetensors files that hold the tensors: one, or the shards by name. */
  List<Path> files();

  /**
   * The {@code __metadata__} of the file in its order, empty if it has none; of shards the entries
   * in which they all agree.
   */
  Map<String, String> metadata();

  /** All tensors by name, in the order of their data in the files. Unmodifiable. */
  Map<String, TensorInfo> tensors();

  /** The tensor of this name, if there is one. */
  default Optional<TensorInfo> find(String name) {
    return Optional.ofNullable(tensors().get(name));
  }

  /**
   * The tensor of this name.
   *
   * @throws SafetensorsException if there is none; the message names the most similar one
   */
  default TensorInfo require(String name) {
    TensorInfo info = tensors().get(name);
    if (info == null) {
      throw Names.missing(path(), name, tensors().keySet());
    }
    return info;
  }

  /**
   * The values of a tensor as they lie in the file: row-major, little-endian, mapped, read-only,
   * {@link TensorInfo#byteSize()} bytes from position 0. Each call gives a buffer of its own.
   *
   * @throws SafetensorsException if there is no such tensor, or it is longer than one buffer can be
   *     (2 GiB): then {@link #read} gives it in pieces
   */
  ByteBuffer data(String name);

  /**
   * Copies bytes of a tensor into a buffer until the buffer is full.
   *
   * @param name the tensor
   * @param offset the first byte to copy, counted from the tensor's own beginning
   * @param into receives {@code into.remaining()} bytes; its position moves to its limit
   * @throws IndexOutOfBoundsException if the tensor does not hold so many bytes from there on
   * @throws SafetensorsException if there is no such tensor
   */
  void read(String name, long offset, ByteBuffer into);

  /** Lets go of the mappings. Calling it again does nothing. */
  @Override
  void close();
}
