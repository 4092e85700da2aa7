package org.peltast.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes safetensors files, byte for byte as the reference library does: the widest types first,
 * then by name, whatever the order in which the tensors are given.
 *
 * <p>A file is written under a temporary name in its folder, forced to the disk, renamed to its own
 * name, and the folder forced too. Whatever fails, and whenever the machine stops, the file of that
 * name is the old one or the new one, whole.
 */
public final class SafetensorsWriter {
  /** Bytes handed to the system at once: heap buffers are copied to native memory by the piece. */
  private static final int PIECE = 4 << 20;

  private static final AtomicLong TEMPORARIES = new AtomicLong();

  private SafetensorsWriter() {}

  /**
   * Writes one file, replacing any of that name. Its folder must exist.
   *
   * @param file the file
   * @param metadata its {@code __metadata__}, written in the map's order; empty leaves it out
   * @param tensors the tensors, each name once, in any order
   * @throws SafetensorsException if a name stands twice, a source gives too few or too many bytes,
   *     or the disk refuses; then no trace is left but the file as it was
   */
  public static void write(
      Path file, Map<String, String> metadata, Collection<TensorData> tensors) {
    requireNames(file, metadata, tensors);
    Path temporary = writeTemporary(file, metadata, tensors);
    try {
      move(temporary, file);
    } finally {
      delete(temporary);
    }
    forceFolder(file);
  }

  /**
   * Writes a checkpoint as shards beside an index, or as one file if it fits. The shards are filled
   * in the order in which the tensors are given; a tensor larger than a shard gets one of its own.
   *
   * <p>{@code folder/model.safetensors} names the checkpoint: its shards are {@code
   * folder/model-00001-of-00003.safetensors} and so on, its index {@code
   * folder/model.safetensors.index.json}. What an earlier checkpoint of that name left (the one
   * file, an index, other shards) is removed at the end. All shards are on the disk before the
   * first is renamed, so an error leaves the earlier checkpoint whole. Only if the machine stops
   * during the renaming itself is there none: the folder then has no index and says so when it is
   * opened.
   *
   * @param file where the checkpoint would be if it were one file; ends with {@code .safetensors}
   * @param metadata the {@code __metadata__} of every shard
   * @param tensors the tensors, each name once
   * @param maxShardBytes bytes of tensors in a shard, at least 1
   * @return the file, or the index: what {@link Checkpoint#open} opens
   * @throws SafetensorsException as {@link #write}
   */
  public static Path writeSharded(
      Path file, Map<String, String> metadata, Collection<TensorData> tensors, long maxShardBytes) {
    String name = String.valueOf(file.getFileName());
    if (!name.endsWith(".safetensors")) {
      throw new IllegalArgumentException(file + " does not end with .safetensors");
    }
    if (maxShardBytes < 1) {
      throw new IllegalArgumentException("a shard cannot hold " + maxShardBytes + " bytes");
    }
    requireNames(file, metadata, tensors);
    List<List<TensorData>> shards = split(tensors, maxShardBytes);
    if (shards.size() <= 1) {
      write(file, metadata, tensors);
      deleteOthers(file, Set.of(name));
      return file;
    }
    String stem = name.substring(0, name.length() - ".safetensors".length());
    Path index = file.resolveSibling(stem + ShardedCheckpoint.INDEX_ENDING);
    Map<Path, Path> temporaries = new LinkedHashMap<>();
    try {
      Map<String, String> weightMap = new TreeMap<>(StrictText.BY_CODE_POINT);
      long total = 0;
      for (int i = 0; i < shards.size(); i++) {
        Path shard =
            file.resolveSibling(
                String.format(
                    Locale.ROOT, "%s-%05d-of-%05d.safetensors", stem, i + 1, shards.size()));
        temporaries.put(shard, writeTemporary(shard, metadata, shards.get(i)));
        for (TensorData tensor : shards.get(i)) {
          weightMap.put(tensor.info().name(), shard.getFileName().toString());
          total += tensor.info().byteSize();
        }
      }
      byte[] indexBytes = index(weightMap, total);
      Path indexTemporary =
          writeTemporary(index, channel -> writeFully(channel, ByteBuffer.wrap(indexBytes)));
      temporaries.put(index, indexTemporary);
      try {
        // Between the first shard and the index the names would mix two checkpoints: no index,
        // then.
        Files.deleteIfExists(index);
      } catch (IOException e) {
        throw unwritable(index, e);
      }
      forceFolder(index);
      temporaries.forEach((target, temporary) -> move(temporary, target));
    } finally {
      temporaries.values().forEach(SafetensorsWriter::delete);
    }
    Set<String> own = new HashSet<>();
    temporaries.keySet().forEach(path -> own.add(path.getFileName().toString()));
    deleteOthers(file, own);
    forceFolder(file);
    return index;
  }

  private static List<List<TensorData>> split(Collection<TensorData> tensors, long maxShardBytes) {
    List<List<TensorData>> shards = new ArrayList<>();
    List<TensorData> shard = new ArrayList<>();
    long bytes = 0;
    for (TensorData tensor : tensors) {
      long size = tensor.info().byteSize();
      if (size > maxShardBytes) {
        shards.add(List.of(tensor));
        continue;
      }
      if (size > maxShardBytes - bytes) {
        shards.add(shard);
        shard = new ArrayList<>();
        bytes = 0;
      }
      shard.add(tensor);
      bytes += size;
    }
    if (!shard.isEmpty()) {
      shards.add(shard);
    }
    return shards;
  }

  /** The index as Python's {@code json.dumps(index, indent=2, sort_keys=True)} writes it. */
  private static byte[] index(Map<String, String> weightMap, long total) {
    StringBuilder out = new StringBuilder();
    out.append("{\n  \"metadata\": {\n    \"total_size\": ").append(total);
    out.append("\n  },\n  \"weight_map\": {");
    String separator = "\n    ";
    for (var entry : weightMap.entrySet()) {
      out.append(separator);
      StrictText.appendJson(out, entry.getKey(), StrictText.Escapes.NON_ASCII);
      out.append(": ");
      StrictText.appendJson(out, entry.getValue(), StrictText.Escapes.NON_ASCII);
      separator = ",\n    ";
    }
    return out.append("\n  }\n}\n").toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void requireNames(
      Path file, Map<String, String> metadata, Collection<TensorData> tensors) {
    Set<String> names = new HashSet<>();
    for (TensorData tensor : tensors) {
      if (!names.add(tensor.info().name())) {
        throw new SafetensorsException(
            file, tensor.info().name(), "it is to be written twice", "give each tensor one name");
      }
    }
    metadata.forEach(
        (key, value) -> {
          if (!StrictText.isWellFormed(key) || !StrictText.isWellFormed(value)) {
            throw new SafetensorsException(
                file,
                null,
                "the metadata entry " + StrictText.quoted(key) + " has half of a surrogate pair",
                "give Unicode text");
          }
        });
  }

  private static Path writeTemporary(
      Path file, Map<String, String> metadata, Collection<TensorData> tensors) {
    Map<String, TensorData> sources = new HashMap<>();
    tensors.forEach(tensor -> sources.put(tensor.info().name(), tensor));
    Header header;
    try {
      header = Header.layOut(metadata, tensors.stream().map(TensorData::info).toList());
    } catch (ArithmeticException e) {
      throw new SafetensorsException(
          file, null, "its tensors together overflow 63 bits", "check their shapes");
    }
    byte[] bytes = header.toBytes();
    if (bytes.length > Header.MAX_BYTES) {
      throw new SafetensorsException(
          file,
          null,
          "its header would take " + bytes.length + " bytes, more than " + Header.MAX_BYTES,
          "shorten the metadata or write shards");
    }
    return writeTemporary(
        file,
        channel -> {
          ByteBuffer head =
              ByteBuffer.allocate(Header.LENGTH_BYTES + bytes.length)
                  .order(ByteOrder.LITTLE_ENDIAN)
                  .putLong(bytes.length)
                  .put(bytes)
                  .flip();
          writeFully(channel, head);
          for (Header.Entry entry : header.entries()) {
            TensorData source = sources.get(entry.info().name());
            if (source != null) {
              writeTensor(file, channel, source);
            }
          }
        });
  }

  private static void writeTensor(Path file, FileChannel channel, TensorData tensor)
      throws IOException {
    long expected = tensor.info().byteSize();
    long written = 0;
    for (ByteBuffer chunk : tensor.chunks()) {
      written += chunk.remaining();
      if (written > expected) {
        break;
      }
      writeFully(channel, chunk.duplicate());
    }
    if (written != expected) {
      throw new SafetensorsException(
          file,
          tensor.info().name(),
          (written > expected
                  ? "its source gives more than "
                  : "its source gives " + written + " of ")
              + expected
              + " bytes",
          "give the bytes that its shape "
              + tensor.info().shape()
              + " of "
              + tensor.info().type()
              + " takes");
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    int limit = bytes.limit();
    while (bytes.position() < limit) {
      bytes.limit(Math.min(limit, bytes.position() + PIECE));
      channel.write(bytes);
    }
  }

  private interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  /**
   * Writes a temporary file beside {@code file} and forces it to the disk; none stays on failure.
   */
  private static Path writeTemporary(Path file, Content content) {
    boolean done = false;
    Path temporary = freeName(file);
    try {
      // Opened by name, not by createTempFile: that one's files are for their owner's eyes only.
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(channel);
        channel.force(true);
      }
      done = true;
      return temporary;
    } catch (IOException e) {
      throw unwritable(file, e);
    } finally {
      if (!done) {
        delete(temporary);
      }
    }
  }

  /** A hidden name of this process beside {@code file}, past those that a killed one left. */
  private static Path freeName(Path file) {
    Path name;
    do {
      String suffix = ProcessHandle.current().pid() + "-" + TEMPORARIES.incrementAndGet();
      name = file.resolveSibling(".safetensors." + suffix + ".tmp"); // its own may be the longest
    } while (Files.exists(name));
    return name;
  }

  private static void move(Path temporary, Path file) {
    try {
      try {
        Files.move(
            temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      }
    } catch (IOException e) {
      throw unwritable(file, e);
    }
  }

  private static void delete(Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // A leftover under a hidden name harms nobody, and the first error is the one to report.
    }
  }

  private static void forceFolder(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      return;
    }
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Windows opens no folders; there the file system orders the rename by itself.
    }
  }

  /** Removes what an earlier checkpoint of the same name left beside the files just written. */
  private static void deleteOthers(Path file, Set<String> own) {
    String name = file.getFileName().toString();
    String stem = name.substring(0, name.length() - ".safetensors".length());
    Pattern earlier =
        Pattern.compile(
            Pattern.quote(stem)
                + "(-\\d{5}-of-\\d{5})?\\.safetensors|"
                + Pattern.quote(stem + ShardedCheckpoint.INDEX_ENDING));
    List<Path> others;
    try (Stream<Path> list = Files.list(file.toAbsolutePath().getParent())) {
      others =
          list.filter(
                  path -> {
                    String other = path.getFileName().toString();
                    return !own.contains(other) && earlier.matcher(other).matches();
                  })
              // The index first: without it the shards left by a crash here are nobody's.
              .sorted(
                  (a, b) ->
                      Boolean.compare(
                          b.toString().endsWith(".json"), a.toString().endsWith(".json")))
              .toList();
      for (Path other : others) {
        Files.delete(other);
      }
    } catch (IOException e) {
      throw new SafetensorsException(
          file,
          null,
          "it is written, but files of an earlier checkpoint could not be removed ("
              + SafetensorsException.reason(e)
              + ")",
          "remove them by hand",
          e);
    }
  }

  private static SafetensorsException unwritable(Path file, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new SafetensorsException(
          file, null, "its folder does not exist", "create it first", e);
    }
    return new SafetensorsException(
        file,
        null,
        "it cannot be written (" + SafetensorsException.reason(e) + "), and stays as it was",
        e instanceof ClosedByInterruptException
            ? "write it again"
            : "check the space and the permissions on that disk or choose another folder",
        e);
  }
}
