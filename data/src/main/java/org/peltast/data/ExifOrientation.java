package org.peltast.data;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** How a camera was held: the tag 0x0112 of a JPEG file's EXIF segment. */
final class ExifOrientation {
  private static final int ORIENTATION = 0x0112;

  private ExifOrientation() {}

  /** The orientation, 1 (upright) to 8; 1 if the file says none or says it badly. */
  static int of(Path file) throws IOException {
    try (InputStream stream = Files.newInputStream(file);
        DataInputStream in = new DataInputStream(new BufferedInputStream(stream))) {
      if (in.readUnsignedShort() != 0xFFD8) {
        return 1;
      }
      while (true) {
        int marker = in.readUnsignedShort();
        // The picture itself starts: no segment comes after it that is worth reading.
        if ((marker & 0xFF00) != 0xFF00 || marker == 0xFFDA || marker == 0xFFD9) {
          return 1;
        }
        int length = in.readUnsignedShort() - 2;
        if (length < 0) {
          return 1;
        }
        if (marker == 0xFFE1) {
          byte[] segment = in.readNBytes(length);
          if (segment.length > 6
              && new String(segment, 0, 6, StandardCharsets.ISO_8859_1).equals("Exif\0\0")) {
            return tag(ByteBuffer.wrap(segment, 6, segment.length - 6).slice());
          }
        } else {
          in.skipNBytes(length);
        }
      }
    } catch (EOFException e) {
      return 1;
    }
  }

  private static int tag(ByteBuffer tiff) {
    try {
      tiff.order(tiff.getShort() == 0x4949 ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
      int directory = tiff.getInt(4);
      int entries = tiff.getShort(directory) & 0xFFFF;
      for (int i = 0; i < entries; i++) {
        int at = directory + 2 + 12 * i;
        if ((tiff.getShort(at) & 0xFFFF) == ORIENTATION) {
          int value = tiff.getShort(at + 8);
          return value >= 1 && value <= 8 ? value : 1;
        }
      }
      return 1;
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      return 1;
    }
  }
}
