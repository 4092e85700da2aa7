package org.peltast.safetensors;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

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
   * @param path a safetensors file; an index ({@code *.index.json}); or a folder that holds one of
   *     them, see {@link #locate}
   * @throws SafetensorsException if there is none, it is not clear which, or it is malformed in any
   *     way
   */
  static Checkpoint open(Path path) {
    Path file = Files.isDirectory(path) ? locate(path, null) : path;
    return file.toString().endsWith(".json")
        ? ShardedCheckpoint.openIndex(file)
        : SafetensorsFile.open(file);
  }

  /**
   * The checkpoint of a folder that is meant: the wanted variant if it is there, such as {@code
   * model.fp16.safetensors} of {@code fp16}; else the plain one beside its variants; else the only
   * one. Files that begin with a dot and weights in other formats are passed over.
   *
   * @param variant as {@code fp16} or {@code bf16}; null for the plain one
   * @return a safetensors file or an index
   * @throws SafetensorsException if there is none, or it is not clear which
   */
  static Path locate(Path folder, @Nullable String variant) {
    return CheckpointFolder.list(folder).choose(variant);
  }

  /** The variants of checkpoints that a folder holds, without the plain ones. */
  static Set<String> variants(Path folder) {
    return CheckpointFolder.list(folder).variants();
  }

  /** Whether a file is an index of shards by its name, plain or of a variant. */
  static boolean isIndex(Path file) {
    return CheckpointFolder.isIndex(file);
  }

  /** Whether a file is a safetensors file by its name; what desktops leave behind is not. */
  static boolean isWeights(Path file) {
    return CheckpointFolder.isWeights(file);
  }

  /** Whether a file has weights in another format by its name: a pickle, GGUF, ONNX, … */
  static boolean isOtherFormat(Path file) {
    return CheckpointFolder.isOtherFormat(file);
  }

  /**
   * The files of shards that an index names, whether they are there or not.
   *
   * @throws SafetensorsException if the index cannot be read
   */
  static List<Path> shards(Path index) {
    return ShardedCheckpoint.readIndex(index).values().stream()
        .distinct()
        .sorted()
        .map(index::resolveSibling)
        .toList();
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
