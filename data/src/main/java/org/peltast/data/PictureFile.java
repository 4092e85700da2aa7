package org.peltast.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Pictures in one memory-mapped file, which is either whole or refused.
 *
 * <p>The layout, integers little-endian: eight bytes {@code PELTPIC2} and zeros up to 4096; the
 * pictures one after the other, height × width × 3 bytes each; the list in UTF-8; the list's length
 * (8 bytes); the SHA-256 of all that. The list's first line is the definition, and each further
 * line a picture (width, height, family, concept, source, further captions, between tabs) or, after
 * a {@code !} and a tab, a note. A file is written under another name, forced to the disk and then
 * renamed, so that a killed process leaves no half file under the right one, and damage of any
 * other kind shows in the checksum.
 */
final class PictureFile {
  private static final byte[] MAGIC = "PELTPIC2".getBytes(StandardCharsets.US_ASCII);
  private static final int FIRST_PICTURE = 4096;
  private static final int DIGEST_BYTES = 32;
  private static final int TRAILER_BYTES = Long.BYTES + DIGEST_BYTES;
  private static final String PART = ".part";
  private static final String NOTE = "!\t";

  /** What this process is writing. */
  private static final Set<Path> WRITING = ConcurrentHashMap.newKeySet();

  /** The most bytes in one mapping, which Java holds below 2 GiB. */
  private static final long MAX_MAPPING = 1L << 30;

  private final List<Entry> entries;
  private final List<String> notes;
  private final String checksum;
  private final String content;
  private final List<MappedByteBuffer> mappings;
  private final long[] offsets;
  private final int[] mappingOf;
  private final long[] mappingStarts;

  private PictureFile(
      FileChannel channel, List<Entry> entries, List<String> notes, String checksum, String content)
      throws IOException {
    this.entries = List.copyOf(entries);
    this.notes = List.copyOf(notes);
    this.checksum = checksum;
    this.content = content;
    this.mappings = new ArrayList<>();
    this.offsets = new long[entries.size()];
    this.mappingOf = new int[entries.size()];
    this.mappingStarts = new long[entries.size()];
    long at = FIRST_PICTURE;
    for (int i = 0; i < entries.size(); ) {
      long start = at;
      int first = i;
      while (i < entries.size()
          && (i == first || at + entries.get(i).bytes() - start <= MAX_MAPPING)) {
        offsets[i] = at;
        mappingStarts[i] = start;
        mappingOf[i] = mappings.size();
        at += entries.get(i++).bytes();
      }
      mappings.add(channel.map(FileChannel.MapMode.READ_ONLY, start, at - start));
    }
  }

  /**
   * A picture's size and what is known of it.
   *
   * @param more captions beside the concept
   */
  record Entry(int width, int height, CaptionedImages.Item item, List<String> more) {
    Entry(int width, int height, CaptionedImages.Item item) {
      this(width, height, item, List.of());
    }

    int bytes() {
      return Math.multiplyExact(Math.multiplyExact(width, height), 3);
    }
  }

  /** Why a file was refused, in words that finish "The file X …". */
  static final class Damaged extends Exception {
    private static final long serialVersionUID = 1L;

    Damaged(String reason) {
      super(reason);
    }
  }

  /** Fills a file. */
  @FunctionalInterface
  interface Filler {
    void fill(Writer writer) throws IOException;
  }

  List<Entry> entries() {
    return entries;
  }

  /** What was noted when the file was made. */
  List<String> notes() {
    return notes;
  }

  /** The SHA-256 of pictures and list, in hexadecimal. */
  String checksum() {
    return checksum;
  }

  /**
   * A checksum of the pictures and what is known of them, but not of the definition or the notes:
   * the same for the same pictures, whatever lies beside them.
   */
  String content() {
    return content;
  }

  void pixels(int index, byte[] rgb, int offset) {
    int at = (int) (offsets[index] - mappingStarts[index]);
    mappings.get(mappingOf[index]).get(at, rgb, offset, entries.get(index).bytes());
  }

  /**
   * Opens a file and reads all of it once to check it.
   *
   * @param definition the definition that it must have been written with
   * @throws Damaged if it is not whole, or of another definition
   */
  static PictureFile open(Path file, String definition) throws IOException, Damaged {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long length = channel.size();
      if (length < FIRST_PICTURE + TRAILER_BYTES) {
        throw new Damaged("is cut short");
      }
      if (!Arrays.equals(MAGIC, read(channel, 0, MAGIC.length))) {
        throw new Damaged("does not start like a picture file");
      }
      byte[] expected = read(channel, length - DIGEST_BYTES, DIGEST_BYTES);
      long listBytes =
          ByteBuffer.wrap(read(channel, length - TRAILER_BYTES, Long.BYTES))
              .order(ByteOrder.LITTLE_ENDIAN)
              .getLong();
      long listStart = length - TRAILER_BYTES - listBytes;
      MessageDigest digest = ContentHash.sha256();
      long pictures = Math.max(0, Math.min(listStart, length - TRAILER_BYTES));
      update(digest, channel, 0, pictures);
      byte[] ofPictures = soFar(digest);
      update(digest, channel, pictures, length - DIGEST_BYTES);
      byte[] actual = digest.digest();
      if (!Arrays.equals(actual, expected)) {
        throw new Damaged("does not have the checksum that it was written with");
      }
      // What follows was written by this class, but perhaps by another version of it.
      if (listBytes < 0 || listBytes > Integer.MAX_VALUE - 8 || listStart < FIRST_PICTURE) {
        throw new Damaged("has an unreadable list of pictures");
      }
      String list = new String(read(channel, listStart, (int) listBytes), StandardCharsets.UTF_8);
      List<String> lines = list.lines().toList();
      if (lines.isEmpty() || !lines.get(0).equals(definition)) {
        throw new Damaged("holds another version of the pictures");
      }
      List<Entry> entries = new ArrayList<>();
      List<String> notes = new ArrayList<>();
      long end = FIRST_PICTURE;
      for (String line : lines.subList(1, lines.size())) {
        if (line.startsWith(NOTE)) {
          notes.add(line.substring(NOTE.length()));
        } else {
          Entry entry = entry(line);
          entries.add(entry);
          end += entry.bytes();
        }
      }
      if (end != listStart) {
        throw new Damaged("holds pictures of another size or number than it says");
      }
      HexFormat hex = HexFormat.of();
      List<String> known = new ArrayList<>(List.of(hex.formatHex(ofPictures)));
      lines.stream().skip(1).filter(line -> !line.startsWith(NOTE)).forEach(known::add);
      String content = ContentHash.of(known);
      return new PictureFile(channel, entries, notes, hex.formatHex(actual), content);
    }
  }

  private static Entry entry(String line) throws Damaged {
    String[] fields = line.split("\t", -1);
    if (fields.length >= 5) {
      try {
        int width = Integer.parseInt(fields[0]);
        int height = Integer.parseInt(fields[1]);
        if (width > 0 && height > 0 && (long) width * height <= MAX_MAPPING / 3) {
          return new Entry(
              width,
              height,
              new CaptionedImages.Item(fields[2], fields[3], fields[4]),
              List.of(fields).subList(5, fields.length));
        }
      } catch (NumberFormatException e) {
        // Falls through to the refusal.
      }
    }
    throw new Damaged("has an unreadable list of pictures");
  }

  /** Writes a file, atomically: whoever looks sees the old file, or none, or the whole new one. */
  static void write(Path file, String definition, Filler filler) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    Path name = file.getFileName();
    if (folder == null || name == null) {
      throw new IOException("it is not the name of a file");
    }
    Files.createDirectories(folder);
    removeLeftovers(folder);
    // Unlike a temporary file's, its rights are those that the user's other files get.
    while (!write(
        file, folder.resolve(name + "." + UUID.randomUUID() + PART), definition, filler)) {
      // Another process took the part for a leftover before it was locked.
    }
    forceFolder(folder);
  }

  private static boolean write(Path file, Path temporary, String definition, Filler filler)
      throws IOException {
    WRITING.add(temporary);
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        lock(channel);
        if (!Files.exists(temporary)) {
          return false;
        }
        Writer writer = new Writer(channel, definition);
        filler.fill(writer);
        writer.finish();
        channel.force(true);
      }
      try {
        Files.move(
            temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
      }
      return true;
    } finally {
      Files.deleteIfExists(temporary);
      WRITING.remove(temporary);
    }
  }

  /** Until the channel is closed. On a disk without locks nobody removes leftovers, either. */
  private static void lock(FileChannel channel) {
    try {
      channel.lock();
    } catch (IOException withoutLocks) {
      return;
    }
  }

  /** Takes the pictures of a new file, in order, from one thread. */
  static final class Writer {
    private final FileChannel channel;
    private final MessageDigest digest = ContentHash.sha256();
    private final StringBuilder list;
    private final StringBuilder notes = new StringBuilder();

    private Writer(FileChannel channel, String definition) throws IOException {
      this.channel = channel;
      this.list = new StringBuilder(definition);
      append(Arrays.copyOf(MAGIC, FIRST_PICTURE));
    }

    /**
     * Appends a picture.
     *
     * @param rgb [height][width][3]
     */
    void add(Entry entry, byte[] rgb) throws IOException {
      if (rgb.length != entry.bytes()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT, "%s needs %d bytes, but has %d.", entry, entry.bytes(), rgb.length));
      }
      append(rgb);
      list.append('\n').append(entry.width()).append('\t').append(entry.height());
      for (String field :
          List.of(entry.item().family(), entry.item().concept(), entry.item().source())) {
        list.append('\t').append(CaptionText.oneLine(field));
      }
      entry.more().forEach(caption -> list.append('\t').append(CaptionText.oneLine(caption)));
    }

    /** Appends a sentence for those who open the file. */
    void note(String sentence) {
      notes.append('\n').append(NOTE).append(CaptionText.oneLine(sentence));
    }

    private void finish() throws IOException {
      byte[] lines = list.append(notes).toString().getBytes(StandardCharsets.UTF_8);
      append(lines);
      append(
          ByteBuffer.allocate(Long.BYTES)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putLong(lines.length)
              .array());
      append(digest.digest());
    }

    private void append(byte[] bytes) throws IOException {
      digest.update(bytes);
      ByteBuffer from = ByteBuffer.wrap(bytes);
      while (from.hasRemaining()) {
        channel.write(from);
      }
    }
  }

  /**
   * A killed process leaves its unfinished file. Whether one is still being written its lock says,
   * which ends with its writer, and no clock.
   */
  private static void removeLeftovers(Path folder) throws IOException {
    try (DirectoryStream<Path> leftovers =
        Files.newDirectoryStream(folder, "*.pictures.*" + PART)) {
      for (Path leftover : leftovers) {
        // To open and close one of this process's own would, with POSIX locks, unlock it.
        if (!WRITING.contains(leftover)) {
          removeUnlessLocked(leftover);
        }
      }
    }
  }

  private static void removeUnlessLocked(Path part) {
    try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
      if (channel.tryLock() != null) {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      return; // gone, another user's, or on a disk without locks: leave it
    }
  }

  private static void forceFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Windows cannot open a folder; the rename is then as durable as the system makes it.
    }
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

  private static void update(MessageDigest digest, FileChannel channel, long from, long to)
      throws IOException {
    byte[] block = new byte[1 << 20];
    for (long at = from; at < to; ) {
      ByteBuffer buffer = ByteBuffer.wrap(block, 0, (int) Math.min(block.length, to - at));
      int got = channel.read(buffer, at);
      if (got < 0) {
        throw new IOException("the file became shorter while it was read");
      }
      digest.update(block, 0, got);
      at += got;
    }
  }

  private static byte[] soFar(MessageDigest digest) {
    try {
      return ((MessageDigest) digest.clone()).digest();
    } catch (CloneNotSupportedException e) {
      throw new IllegalStateException(e); // the JDK's own SHA-256 can be cloned
    }
  }
}
