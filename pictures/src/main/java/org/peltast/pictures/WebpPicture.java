package org.peltast.pictures;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A WebP file in the extended layout without its colour profile, as a PNG is read without one. */
final class WebpPicture {
  private static final int FIRST_CHUNK = 12;
  private static final int PROFILE = 0x20;

  private WebpPicture() {}

  /**
   * The file with its {@code ICCP} chunk under a name that nobody reads.
   *
   * @param head the file's first bytes
   * @return null if it is no WebP file that says that it has one
   */
  static byte @Nullable [] withoutProfile(byte[] head, Path file) throws IOException {
    boolean profiled =
        head.length > 20
            && is(head, 0, "RIFF")
            && is(head, 8, "WEBP")
            && is(head, FIRST_CHUNK, "VP8X")
            && (head[20] & PROFILE) != 0;
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
