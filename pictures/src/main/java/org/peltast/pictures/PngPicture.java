package org.peltast.pictures;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.CRC32;
import javax.imageio.stream.ImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * What makes the picture of a PNG file: its critical chunks and its transparency, without what
 * merely describes it.
 *
 * <p>Text, profiles, gamma, times and chunks of unknown kinds are left out, whatever is wrong with
 * them or their order, as is what follows the picture. A checksum that is wrong condemns a critical
 * chunk, and has a {@code tRNS} passed over, as in libpng; so does a {@code tRNS} out of its place.
 * The data of all IDAT chunks come as one.
 */
final class PngPicture {
  private static final long SIGNATURE = 0x89504E470D0A1A0AL;
  private static final int IHDR = 0x49484452;
  private static final int PLTE = 0x504C5445;
  private static final int TRNS = 0x74524E53;
  private static final int IDAT = 0x49444154;
  private static final int IEND = 0x49454E44;
  private static final int APPLES = 0x43674249;

  /** A palette, eight bits of 256 colours, is the longest of the small chunks. */
  private static final int MAX_SMALL = 768;

  private static final int GREY = 0;
  private static final int RGB = 2;
  private static final int PALETTE = 3;

  private byte @Nullable [] header;
  private byte @Nullable [] palette;
  private byte @Nullable [] transparency;
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Of all data as one chunk. */
  private final CRC32 checkOfData = check(IDAT);

  private PngPicture() {}

  /** Whether a file begins as PNG files do. */
  static boolean is(byte[] head) {
    return head.length >= 8 && ByteBuffer.wrap(head).getLong() == SIGNATURE;
  }

  /**
   * The picture alone, as a PNG of its own.
   *
   * @throws IOException if a chunk that the picture needs is missing or damaged; a picture whose
   *     data end early is given as far as it goes
   */
  static ImageInputStream open(Path file) throws IOException {
    PngPicture picture = new PngPicture();
    try (InputStream stream = Files.newInputStream(file);
        DataInputStream in = new DataInputStream(new BufferedInputStream(stream, 1 << 16))) {
      in.readLong();
      while (picture.read(in)) {
        // The next chunk.
      }
    } catch (EOFException e) {
      // The decoder says whether anything is missing.
    }
    return picture.written();
  }

  /** Reads a chunk; false if it was the last. */
  private boolean read(DataInputStream in) throws IOException {
    int length = in.readInt();
    int type = in.readInt();
    if (header == null && type == APPLES) {
      throw new IOException(
          "it is in Apple's own form of PNG (CgBI); pngcrush -revert-iphone-optimizations makes it a plain one");
    }
    if (header == null && type != IHDR) {
      throw new IOException("its first chunk is not IHDR");
    }
    if (length < 0) {
      throw new IOException("a chunk has no length");
    }
    if (type == IEND) {
      return false;
    }
    if (type == IDAT) {
      readData(in, length);
      return true;
    }
    boolean early = data.size() == 0;
    boolean wanted =
        switch (type) {
          case IHDR -> header == null;
          case PLTE -> early && palette == null && colours() == PALETTE;
          case TRNS -> early && transparency == null && isPlaceOfTransparency();
          default -> false;
        };
    if (!wanted || length > MAX_SMALL) {
      in.skipNBytes(length + 4L);
      return true;
    }
    byte[] content = new byte[length];
    in.readFully(content);
    boolean sound = in.readInt() == checksum(type, content);
    if (type == TRNS) {
      transparency = sound && isTransparency(content) ? content : null;
      return true;
    }
    if (!sound) {
      throw new IOException(wrong(type));
    }
    if (type == IHDR) {
      if (length != 13) {
        throw new IOException("its IHDR chunk does not have 13 bytes");
      }
      header = content;
    } else {
      palette = content;
    }
    return true;
  }

  private void readData(DataInputStream in, int length) throws IOException {
    CRC32 check = check(IDAT);
    byte[] block = new byte[1 << 16];
    for (int left = length; left > 0; ) {
      int got = in.read(block, 0, Math.min(left, block.length));
      if (got < 0) {
        throw new EOFException();
      }
      check.update(block, 0, got);
      checkOfData.update(block, 0, got);
      data.write(block, 0, got);
      left -= got;
    }
    if (in.readInt() != (int) check.getValue()) {
      throw new IOException(wrong(IDAT));
    }
  }

  private int colours() {
    return header == null ? -1 : header[9];
  }

  /** A palette's transparency follows it. */
  private boolean isPlaceOfTransparency() {
    return colours() != PALETTE || palette != null;
  }

  private boolean isTransparency(byte[] content) {
    return switch (colours()) {
      case GREY -> content.length == 2;
      case RGB -> content.length == 6;
      case PALETTE -> palette != null && content.length > 0 && content.length <= palette.length / 3;
      default -> false;
    };
  }

  private ImageInputStream written() throws IOException {
    if (header == null) {
      throw new IOException("it has no IHDR chunk");
    }
    ByteArrayOutputStream file = new ByteArrayOutputStream(data.size() + 2048);
    DataOutputStream out = new DataOutputStream(file);
    out.writeLong(SIGNATURE);
    write(out, IHDR, header);
    if (palette != null) {
      write(out, PLTE, palette);
    }
    if (transparency != null) {
      write(out, TRNS, transparency);
    }
    if (data.size() > 0) {
      out.writeInt(data.size());
      out.writeInt(IDAT);
      data.writeTo(out);
      out.writeInt((int) checkOfData.getValue());
    }
    write(out, IEND, new byte[0]);
    return new ByteArrayImageInputStream(file.toByteArray());
  }

  private static void write(DataOutputStream out, int type, byte[] content) throws IOException {
    out.writeInt(content.length);
    out.writeInt(type);
    out.write(content);
    out.writeInt(checksum(type, content));
  }

  private static CRC32 check(int type) {
    CRC32 check = new CRC32();
    check.update(ByteBuffer.allocate(4).putInt(0, type));
    return check;
  }

  private static int checksum(int type, byte[] content) {
    CRC32 check = check(type);
    check.update(content);
    return (int) check.getValue();
  }

  private static String wrong(int type) {
    return String.format(
        Locale.ROOT,
        "the checksum of its %s chunk is wrong",
        new String(ByteBuffer.allocate(4).putInt(type).array(), StandardCharsets.ISO_8859_1));
  }
}
