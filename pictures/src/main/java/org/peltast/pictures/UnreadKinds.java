package org.peltast.pictures;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The kinds of JPEG and TIFF files that no reader here knows, told by their headers. */
final class UnreadKinds {
  private static final Map<Integer, String> COMPRESSIONS =
      Map.of(
          34712, "JPEG 2000",
          34887, "LERC",
          34925, "LZMA",
          50000, "Zstandard",
          50001, "WebP",
          50002, "JPEG XL",
          52546, "JPEG XL");

  private UnreadKinds() {}

  /**
   * What a file that could not be decoded is, in words after "The picture X …"; null if unknown.
   */
  static @Nullable String of(byte[] head, Path file) {
    try {
      if (TiffDirectory.is(head)) {
        String by = COMPRESSIONS.get(TiffDirectory.of(file).value(TiffDirectory.COMPRESSION));
        return by == null
            ? null
            : "is a TIFF file compressed by " + by + ", which is not read; save it with LZW";
      }
      boolean jpeg = head.length > 2 && (head[0] & 0xFF) == 0xFF && (head[1] & 0xFF) == 0xD8;
      String kind = jpeg ? jpeg(file) : null;
      return kind == null
          ? null
          : "is a JPEG file " + kind + ", which is not read; convert it to PNG or plain JPEG";
    } catch (IOException e) {
      return null;
    }
  }

  /** By the process that its frame header names, and the bits of a sample. */
  private static @Nullable String jpeg(Path file) throws IOException {
    try (InputStream stream = Files.newInputStream(file);
        DataInputStream in = new DataInputStream(new BufferedInputStream(stream))) {
      in.skipNBytes(2);
      while (true) {
        int marker = in.readUnsignedByte();
        while (marker == 0xFF) {
          marker = in.readUnsignedByte();
        }
        if (marker <= 1 || (marker >= 0xD0 && marker <= 0xD8)) {
          continue; // these have no length
        }
        if (marker == 0xDA || marker == 0xD9) {
          return null;
        }
        int length = in.readUnsignedShort() - 2;
        switch (marker) {
          case 0xC0, 0xC1, 0xC2 -> {
            int bits = in.readUnsignedByte();
            return bits == 8 ? null : "of " + bits + " bits a channel";
          }
          case 0xC3 -> {
            return "without loss";
          }
          case 0xC5, 0xC6, 0xC7 -> {
            return "of several sizes (hierarchical)";
          }
          case 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF -> {
            return "coded arithmetically";
          }
          case 0xF7 -> {
            return "of the kind JPEG-LS";
          }
          default -> in.skipNBytes(Math.max(0, length));
        }
      }
    }
  }
}
