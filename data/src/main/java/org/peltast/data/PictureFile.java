package org.peltast.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Square pictures of one size in one memory-mapped file, which is either whole or refused.
 *
 * <p>The layout, integers little-endian: eight bytes {@code PELTPIC1}; the header's length (8
 * bytes); the header in UTF-8, in which each line after the first two (the definition; the size and
 * the number of pictures) is an item as family, concept and source between tabs; zeros up to a
 * multiple of 4096; the pictures, size × size × 3 bytes each; the SHA-256 of all that. A file is
 * written under another name, forced to the disk and then renamed, so that a killed process leaves
 * no half file under the right one, and damage of any other kind shows in the checksum.
 */
final class PictureFile {
  private static final byte[] MAGIC = "PELTPIC1".getBytes(StandardCharsets.US_ASCII);
  private static final int ALIGNMENT = 4096;
  private static final int DIGEST_BYTES = 32;

  /** The most bytes in one mapping, which Java holds below 2 GiB. */
  private static final long MAX_MAPPING = 1L << 30;

  private final int size;
  private final List<CaptionedImages.Item> items;
  private final String checksum;
  private final List<MappedByteBuffer> mappings;
  private final int picturesPerMapping;

  private PictureFile(
      int size,
      List<CaptionedImages.Item> items,
      String checksum,
      List<MappedByteBuffer> mappings,
      int picturesPerMapping) {
    this.size = size;
    this.items = items;
    this.checksum = checksum;
    this.mappings = mappings;
    this.picturesPerMapping = picturesPerMapping;
  }

  /** Why a file was refused, in words that finish "The file X …". */
  static final class Damaged extends Exception {
    private static final long serialVersionUID = 1L;

    Damaged(String reason) {
      super(reason);
    }
  }

  /** Draws pictures. May be called from several threads. */
  @FunctionalInterface
  interface Painter {
    /** Hands every picture's bytes to the sink, in any order, each once. */
    void paint(Sink sink) throws IOException;
  }

  /** Takes pictures, from any thread. */
  @FunctionalInterface
  interface Sink {
    void picture(int index, byte[] rgb) throws IOException;
  }

  int size() {
    return size;
  }

  List<CaptionedImages.Item> items() {
    return items;
  }

  /** The SHA-256 of header and pictures, in hexadecimal. */
  String checksum() {
    return checksum;
  }

  void pixels(int index, byte[] rgb, int offset) {
    int bytes = size * size * 3;
    mappings
        .get(index / picturesPerMapping)
        .get(index % picturesPerMapping * bytes, rgb, offset, bytes);
  }

  /**
   * Opens a file and reads all of it once to check it.
   *
   * @param definition the definition that it must have been written with
   * @throws Damaged if it is not whole, or of another definition or size
   */
  static PictureFile open(Path file, String definition, int size) throws IOException, Damaged {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long length = channel.size();
      if (length < MAGIC.length + Long.BYTES + DIGEST_BYTES) {
        throw new Damaged("is cut short");
      }
      byte[] start = read(channel, 0, MAGIC.length + Long.BYTES);
      if (!Arrays.equals(MAGIC, Arrays.copyOf(start, MAGIC.length))) {
        throw new Damaged("does not start like a picture file");
      }
      long headerBytes =
          ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong(MAGIC.length);
      if (headerBytes < 0
          || headerBytes > Integer.MAX_VALUE - ALIGNMENT
          || headerBytes > length - MAGIC.length - Long.BYTES - DIGEST_BYTES) {
        throw new Damaged("is cut short");
      }
      String expected =
          HexFormat.of().formatHex(read(channel, length - DIGEST_BYTES, DIGEST_BYTES));
      String actual = digest(channel, length - DIGEST_BYTES);
      if (!actual.equals(expected)) {
        throw new Damaged("does not have the checksum that it was written with");
      }
      // What follows was written by this class, but perhaps by another version of it.
      String header =
          new String(
              read(channel, MAGIC.length + Long.BYTES, (int) headerBytes), StandardCharsets.UTF_8);
      List<String> lines = header.lines().toList();
      if (lines.size() < 2 || !lines.get(0).equals(definition)) {
        throw new Damaged("holds another version of the corpus");
      }
      List<CaptionedImages.Item> items = new ArrayList<>();
      for (String line : lines.subList(2, lines.size())) {
        String[] fields = line.split("\t", -1);
        if (fields.length != 3) {
          throw new Damaged("has an unreadable list of pictures");
        }
        items.add(new CaptionedImages.Item(fields[0], fields[1], fields[2]));
      }
      long bytes = 3L * size * size;
      long first = firstPicture(headerBytes);
      if (!lines.get(1).equals(size + " " + items.size())
          || length != first + bytes * items.size() + DIGEST_BYTES) {
        throw new Damaged("holds pictures of another size or number than it says");
      }
      int perMapping = (int) Math.max(1, MAX_MAPPING / bytes);
      List<MappedByteBuffer> mappings = new ArrayList<>();
      for (int i = 0; i < items.size(); i += perMapping) {
        int pictures = Math.min(perMapping, items.size() - i);
        mappings.add(
            channel.map(FileChannel.MapMode.READ_ONLY, first + i * bytes, pictures * bytes));
      }
      return new PictureFile(size, List.copyOf(items), actual, mappings, perMapping);
    }
  }

  /** Writes a file, atomically: whoever looks sees the old file, or none, or the whole new one. */
  static void write(
      Path file, String definition, int size, List<CaptionedImages.Item> items, Painter painter)
      throws IOException {
    StringBuilder lines = new StringBuilder();
    lines.append(definition).append('\n').append(size).append(' ').append(items.size());
    for (CaptionedImages.Item item : items) {
      lines.append('\n').append(item.family()).append('\t').append(item.concept());
      lines.append('\t').append(item.source());
    }
    byte[] header = lines.toString().getBytes(StandardCharsets.UTF_8);
    long first = firstPicture(header.length);
    int bytes = size * size * 3;
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IOException("no folder");
    }
    Files.createDirectories(folder);
    Path temporary = Files.createTempFile(folder, file.getFileName() + ".", ".part");
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        ByteBuffer start =
            ByteBuffer.allocate((int) first)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(MAGIC)
                .putLong(header.length)
                .put(header)
                .rewind();
        write(channel, 0, start);
        painter.paint(
            (index, rgb) ->
                write(channel, first + (long) index * bytes, ByteBuffer.wrap(rgb, 0, bytes)));
        long end = first + (long) items.size() * bytes;
        write(channel, end, ByteBuffer.wrap(HexFormat.of().parseHex(digest(channel, end))));
        channel.force(true);
      }
      try {
        Files.move(
            temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      }
      forceFolder(folder);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static void forceFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Windows cannot open a folder; the rename is then as durable as the system makes it.
    }
  }

  private static long firstPicture(long headerBytes) {
    long end = MAGIC.length + Long.BYTES + headerBytes;
    return (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static byte[] read(FileChannel channel, long position, int bytes) throws IOException {
    byte[] read = new byte[bytes];
    ByteBuffer buffer = ByteBuffer.wrap(read);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
    return read;
  }

  private static void write(FileChannel channel, long position, ByteBuffer from)
      throws IOException {
    while (from.hasRemaining()) {
      position += channel.write(from, position);
    }
  }

  private static String digest(FileChannel channel, long length) throws IOException {
    MessageDigest digest = Checksums.sha256();
    byte[] block = new byte[1 << 20];
    for (long at = 0; at < length; ) {
      ByteBuffer buffer = ByteBuffer.wrap(block, 0, (int) Math.min(block.length, length - at));
      int got = channel.read(buffer, at);
      if (got < 0) {
        throw new IOException("the file became shorter while it was read");
      }
      digest.update(block, 0, got);
      at += got;
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
