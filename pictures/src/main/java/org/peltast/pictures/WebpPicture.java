package org.peltast.pictures;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A WebP file: whether it is whole, where its first frame lies, and the file without its colour
 * profile, as a PNG is read without one.
 */
final class WebpPicture {
  private static final int FIRST_CHUNK = 12;
  private static final int PROFILE = 0x20;

  /** The sizes and places of an animation's frame, before its picture. */
  private static final int FRAME_HEADER = 16;

  private WebpPicture() {}

  /** Whether a file begins as WebP files do. */
  static boolean is(byte[] head) {
    return is(head, 0, "RIFF") && is(head, 8, "WEBP");
  }

  /**
   * Where the first frame of an animation lies; null if the file is none.
   *
   * @throws PictureDecoder.Unusable if the file ends within its first picture, for a decoder may
   *     fill up what is missing
   */
  static @Nullable Canvas canvas(byte[] head, Path file)
      throws IOException, PictureDecoder.Unusable {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      for (long at = FIRST_CHUNK; at + 8 <= channel.size(); ) {
        byte[] chunk = PictureOrientation.bytes(channel, at, 8);
        long length = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN).getInt(4) & 0xFFFFFFFFL;
        if (at + 8 + length > channel.size()) {
          break;
        }
        boolean frame = is(chunk, 0, "ANMF") && length >= FRAME_HEADER;
        if (frame && is(head, FIRST_CHUNK, "VP8X") && head.length >= 30) {
          byte[] placed = PictureOrientation.bytes(channel, at + 8, FRAME_HEADER);
          int left = 2 * number(placed, 0);
          int top = 2 * number(placed, 3);
          return new Canvas(
              Math.max(1 + number(head, 24), left + 1 + number(placed, 6)),
              Math.max(1 + number(head, 27), top + 1 + number(placed, 9)),
              left,
              top);
        }
        if (is(chunk, 0, "VP8 ") || is(chunk, 0, "VP8L") || is(chunk, 0, "ANMF")) {
          return null;
        }
        at += 8 + length + length % 2;
      }
      throw new PictureDecoder.Unusable("is cut short");
    }
  }

  /** Three bytes, the lowest first. */
  private static int number(byte[] bytes, int at) {
    return (bytes[at] & 0xFF) | ((bytes[at + 1] & 0xFF) << 8) | ((bytes[at + 2] & 0xFF) << 16);
  }

  /**
   * The file with its {@code ICCP} chunk under a name that nobody reads.
   *
   * @param head the file's first bytes
   * @return null if it is no WebP file that says that it has one
   */
  static byte @Nullable [] withoutProfile(byte[] head, Path file) throws IOException {
    boolean profiled =
        head.length > 20 && is(head) && is(head, FIRST_CHUNK, "VP8X") && (head[20] & PROFILE) != 0;
    if (!profiled) {
      return null;
    }
    byte[] whole = Files.readAllBytes(file);
    whole[20] &= ~PROFILE;
    ByteBuffer chunks = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN);
    for (long at = FIRST_CHUNK; at + 8 <= whole.length; ) {
      long length = chunks.getInt((int) at + 4) & 0xFFFFFFFFL;
      if (is(whole, (int) at, "ICCP")) {
        chunks.put((int) at, "JUNK".getBytes(StandardCharsets.US_ASCII));
      }
      at += 8 + length + length % 2;
    }
    return whole;
  }

  private static boolean is(byte[] bytes, int at, String type) {
    return at + 4 <= bytes.length
        && new String(bytes, at, 4, StandardCharsets.ISO_8859_1).equals(type);
  }
}
