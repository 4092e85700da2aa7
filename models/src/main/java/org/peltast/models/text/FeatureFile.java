package org.peltast.models.text;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Token features on disk: one file an encoder, to which records are appended.
 *
 * <pre>
 * file:   "PLTF" | int version | int width | records
 * record: int length of the prompt | int tokens | prompt, UTF-8 | tokens·width floats
 *         | the floats of each vector, in the order of their names | int CRC-32C
 * </pre>
 *
 * <p>All little-endian. The prompt itself is the key, so there is nothing to collide; a record
 * whose checksum is wrong counts as absent; a record torn by a kill is cut off before the next one
 * is appended. Several processes may have the file open: each appends while it holds a lock, and
 * finds what the others have appended.
 */
final class FeatureFile implements AutoCloseable {
  private static final int MAGIC = 0x46544c50; // "PLTF"
  private static final int VERSION = 1;
  private static final int HEADER = 12;
  private static final int MAX_PROMPT = 1 << 24;

  private final FileChannel channel;
  private final int width;
  private final SortedMap<String, Integer> vectors;
  private final int maxTokens;
  private final Map<String, Long> index = new HashMap<>();
  private long end = HEADER;

  private FeatureFile(FileChannel channel, int width, Map<String, Integer> vectors, int maxTokens) {
    this.channel = channel;
    this.width = width;
    this.vectors = new TreeMap<>(vectors);
    this.maxTokens = maxTokens;
  }

  /**
   * Opens or makes a file.
   *
   * @param width of a token's features
   * @param vectors lengths of the vectors that every prompt has besides, by name
   */
  static FeatureFile open(Path file, int width, Map<String, Integer> vectors, int maxTokens)
      throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      FeatureFile features = new FeatureFile(channel, width, vectors, maxTokens);
      try (FileLock lock = lock(channel)) {
        features.begin();
      } catch (OverlappingFileLockException e) {
        features.catchUp(); // another thread of this process is appending
      }
      return features;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /** Waits for the lock, which is on no byte of the file: whoever reads does not wait. */
  private static FileLock lock(FileChannel channel) throws IOException {
    return channel.lock(Long.MAX_VALUE - 1, 1, false);
  }

  /** Finds the records, and cuts off what is not one; under the lock. */
  private void begin() throws IOException {
    boolean ours = channel.size() >= HEADER;
    if (ours) {
      ByteBuffer header = read(0, HEADER);
      ours = header.getInt() == MAGIC && header.getInt() == VERSION && header.getInt() == width;
    }
    if (!ours) {
      channel.truncate(0);
      write(buffer(HEADER).putInt(MAGIC).putInt(VERSION).putInt(width).flip(), 0);
    }
    catchUp();
    channel.truncate(end);
  }

  /** Finds the records that have been appended since. */
  private void catchUp() throws IOException {
    long size = channel.size();
    while (end + 8 <= size) {
      ByteBuffer lengths = read(end, 8);
      int promptBytes = lengths.getInt();
      int tokens = lengths.getInt();
      if (promptBytes < 0 || promptBytes > MAX_PROMPT || tokens < 1 || tokens > maxTokens) {
        break;
      }
      long next = end + recordBytes(promptBytes, tokens);
      if (next > size) {
        break;
      }
      ByteBuffer prompt = read(end + 8, promptBytes);
      index.put(StandardCharsets.UTF_8.decode(prompt).toString(), end);
      end = next;
    }
  }

  private long recordBytes(int promptBytes, int tokens) {
    long floats = (long) tokens * width;
    for (int length : vectors.values()) {
      floats += length;
    }
    return 8L + promptBytes + Float.BYTES * floats + 4;
  }

  int size() {
    return index.size();
  }

  /** The features of a prompt; null if they are not here, or damaged. */
  @Nullable TokenFeatures get(String prompt) throws IOException {
    if (!index.containsKey(prompt)) {
      catchUp();
    }
    Long offset = index.get(prompt);
    if (offset == null) {
      return null;
    }
    ByteBuffer lengths = read(offset, 8);
    int promptBytes = lengths.getInt();
    int tokens = lengths.getInt();
    ByteBuffer record = read(offset, (int) recordBytes(promptBytes, tokens));
    if (record.getInt(record.limit() - 4) != checksum(record, record.limit() - 4)) {
      index.remove(prompt);
      return null;
    }
    float[] values = new float[tokens * width];
    record.position(8 + promptBytes);
    FloatBuffer floats = record.asFloatBuffer().get(values);
    Map<String, float[]> others = new HashMap<>();
    vectors.forEach(
        (name, length) -> {
          float[] vector = new float[length];
          floats.get(vector);
          others.put(name, vector);
        });
    return new TokenFeatures(values, tokens, width, others);
  }

  /** Appends, unless it is here already. */
  void put(String prompt, TokenFeatures features) throws IOException {
    byte[] text = prompt.getBytes(StandardCharsets.UTF_8);
    // A prompt that UTF-8 cannot hold (half a surrogate pair) would come back as another one.
    boolean faithful = new String(text, StandardCharsets.UTF_8).equals(prompt);
    if (!faithful || text.length > MAX_PROMPT || index.containsKey(prompt)) {
      return;
    }
    ByteBuffer record = buffer((int) recordBytes(text.length, features.tokens()));
    record.putInt(text.length).putInt(features.tokens()).put(text);
    FloatBuffer floats = record.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    features.putInto(floats);
    features.vectors().values().forEach(floats::put);
    record.putInt(record.limit() - 4, checksum(record, record.limit() - 4)).position(0);
    try (FileLock lock = lock(channel)) {
      catchUp();
      if (!index.containsKey(prompt)) {
        channel.truncate(end); // what a kill has torn
        long start = end;
        write(record, start);
        index.put(prompt, start);
        end = start + record.limit();
      }
    } catch (OverlappingFileLockException e) {
      return; // another thread of this process is appending: this one is encoded again
    }
  }

  private static int checksum(ByteBuffer record, int length) {
    CRC32C crc = new CRC32C();
    crc.update(record.duplicate().position(0).limit(length));
    return (int) crc.getValue();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer read(long position, int bytes) throws IOException {
    ByteBuffer buffer = buffer(bytes);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new EOFException("the file has become shorter");
      }
    }
    return buffer.flip();
  }

  private void write(ByteBuffer bytes, long position) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes, position + bytes.position());
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
