package org.peltast.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One safetensors file, open for reading. */
public final class SafetensorsFile implements Checkpoint {
  private final Path path;
  private final Map<String, String> metadata;
  private final Map<String, TensorInfo> tensors;
  private final Map<String, Header.Entry> places;
  private volatile @Nullable MappedData data;

  private SafetensorsFile(Path path, Header header, MappedData data) {
    this.path = path;
    this.metadata = header.metadata();
    this.data = data;
    Map<String, TensorInfo> tensors = new LinkedHashMap<>(2 * header.entries().size());
    places = new HashMap<>(2 * header.entries().size());
    for (Header.Entry entry : header.entries()) {
      tensors.put(entry.info().name(), entry.info());
      places.put(entry.info().name(), entry);
    }
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * Opens a file: reads and checks its header, and maps its data.
   *
   * @throws SafetensorsException if it cannot be read or is malformed in any way
   */
  public static SafetensorsFile open(Path path) {
    return open(path, Integer.MAX_VALUE);
  }

  /** Opens a file with mappings of at most {@code longest} bytes. */
  static SafetensorsFile open(Path path, int longest) {
    if (Files.isDirectory(path)) {
      throw new SafetensorsException(
          path, null, "it is a folder, not a safetensors file", "name a file inside it");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      ByteBuffer length = ByteBuffer.allocate(Header.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      if (size < Header.LENGTH_BYTES) {
        throw new SafetensorsException(
            path,
            null,
            "it has " + size + " bytes, not even the 8 of the header's length",
            "the file is cut short: fetch or write it again");
      }
      readFully(channel, length, 0);
      long headerBytes = length.getLong(0);
      if (headerBytes < 0 || headerBytes > Header.MAX_BYTES) {
        throw notSafetensors(path, length.array(), headerBytes);
      }
      long dataStart = Header.LENGTH_BYTES + headerBytes;
      if (dataStart > size) {
        throw new SafetensorsException(
            path,
            null,
            "its header claims "
                + headerBytes
                + " bytes, but only "
                + (size - Header.LENGTH_BYTES)
                + " follow",
            "the file is cut short or damaged: fetch or write it again");
      }
      byte[] bytes = new byte[(int) headerBytes];
      readFully(channel, ByteBuffer.wrap(bytes), Header.LENGTH_BYTES);
      Header header = Header.parse(path, bytes, size - dataStart);
      MappedData data = MappedData.map(channel, dataStart, header.entries(), longest);
      return new SafetensorsFile(path, header, data);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  static SafetensorsException unreadable(Path path, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new SafetensorsException(path, null, "there is no such file", "check the path", e);
    }
    return new SafetensorsException(
        path,
        null,
        "it cannot be read (" + SafetensorsException.reason(e) + ")",
        "check its permissions and the disk",
        e);
  }

  private static void readFully(FileChannel channel, ByteBuffer into, long from)
      throws IOException {
    long at = from;
    while (into.hasRemaining()) {
      int count = channel.read(into, at);
      if (count < 0) {
        throw new IOException("it became shorter while it was read");
      }
      at += count;
    }
  }

  /** A first word that is no header length is often a sign of what the file really is. */
  private static SafetensorsException notSafetensors(Path path, byte[] first, long headerBytes) {
    String text = new String(first, StandardCharsets.ISO_8859_1);
    if (text.equals("version ")) {
      return new SafetensorsException(
          path, null, "it is a Git LFS pointer, not the weights", "fetch them with git lfs pull");
    }
    if (text.startsWith("PK\3\4")) {
      return new SafetensorsException(
          path,
          null,
          "it is a zip archive, perhaps a PyTorch pickle",
          "convert it to safetensors first");
    }
    if (text.startsWith("\u0080") || text.startsWith("GGUF")) {
      return new SafetensorsException(
          path,
          null,
          text.startsWith("G") ? "it is a GGUF file" : "it is a pickle, not a safetensors file",
          "convert it to safetensors first");
    }
    if (text.startsWith("<!") || text.startsWith("<html")) {
      return new SafetensorsException(
          path, null, "it is a web page, not a safetensors file", "check the download's address");
    }
    return new SafetensorsException(
        path,
        null,
        "its header claims "
            + Long.toUnsignedString(headerBytes)
            + " bytes, more than the "
            + Header.MAX_BYTES
            + " that the format allows",
        Header.MEND);
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public List<Path> files() {
    open();
    return List.of(path);
  }

  @Override
  public Map<String, String> metadata() {
    open();
    return metadata;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    open();
    return tensors;
  }

  @Override
  public ByteBuffer data(String name) {
    MappedData data = open();
    Header.Entry entry = place(name);
    ByteBuffer slice = data.slice(entry.begin(), entry.end());
    if (slice == null) {
      throw new SafetensorsException(
          path,
          name,
          "its " + StrictText.bytes(entry.info().byteSize()) + " do not fit one buffer",
          "read it in pieces");
    }
    return slice;
  }

  @Override
  public void read(String name, long offset, ByteBuffer into) {
    MappedData data = open();
    Header.Entry entry = place(name);
    Objects.checkFromIndexSize(offset, into.remaining(), entry.info().byteSize());
    data.copy(entry.begin() + offset, into);
  }

  private Header.Entry place(String name) {
    Header.Entry entry = places.get(name);
    if (entry == null) {
      throw Names.missing(path, name, tensors.keySet());
    }
    return entry;
  }

  private MappedData open() {
    MappedData data = this.data;
    if (data == null) {
      throw new IllegalStateException(path + " is closed");
    }
    return data;
  }

  @Override
  public void close() {
    data = null;
  }
}
