package org.peltast.pictures;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;

/** Picture files byte by byte, as tools write them that Java has no writer of. */
final class PictureBytes {
  private PictureBytes() {}

  /** A chunk of a PNG file, its checksum right or wrong. */
  record Chunk(String type, byte[] data, boolean sound) {
    Chunk(String type, byte[] data) {
      this(type, data, true);
    }

    Chunk(String type, String data) {
      this(type, data.getBytes(StandardCharsets.ISO_8859_1));
    }

    Chunk unsound() {
      return new Chunk(type, data, false);
    }
  }

  static byte[] bytes(int... values) {
    byte[] all = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      all[i] = (byte) values[i];
    }
    return all;
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Arrays.stream(parts).forEach(out::writeBytes);
    return out.toByteArray();
  }

  static Chunk header(int width, int height, int bits, int colours, int interlaced) {
    return new Chunk(
        "IHDR",
        ByteBuffer.allocate(13)
            .putInt(width)
            .putInt(height)
            .put(bytes(bits, colours, 0, 0, interlaced))
            .array());
  }

  static byte[] deflated(byte[] data) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(out)) {
      deflater.write(data);
    }
    return out.toByteArray();
  }

  static byte[] png(List<Chunk> chunks) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(bytes(0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'));
    for (Chunk chunk : chunks) {
      byte[] type = chunk.type().getBytes(StandardCharsets.ISO_8859_1);
      CRC32 check = new CRC32();
      check.update(type);
      check.update(chunk.data());
      int sum = (int) check.getValue();
      out.writeBytes(ByteBuffer.allocate(4).putInt(chunk.data().length).array());
      out.writeBytes(type);
      out.writeBytes(chunk.data());
      out.writeBytes(ByteBuffer.allocate(4).putInt(chunk.sound() ? sum : ~sum).array());
    }
    return out.toByteArray();
  }

  /** The chunks of a PNG file. */
  static List<Chunk> chunks(byte[] png) {
    List<Chunk> all = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(png).position(8);
    while (in.hasRemaining()) {
      byte[] data = new byte[in.getInt()];
      byte[] type = new byte[4];
      in.get(type).get(data).getInt();
      all.add(new Chunk(new String(type, StandardCharsets.ISO_8859_1), data));
    }
    return all;
  }

  /** A picture as a PNG file of the plainest kind. */
  static byte[] png(BufferedImage image) {
    try {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ImageIO.write(image, "png", out);
      return out.toByteArray();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static byte[] encoded(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    if (!ImageIO.write(image, format, out)) {
      throw new IOException("no writer of " + format);
    }
    return out.toByteArray();
  }

  static byte[] resource(String name) throws IOException {
    try (InputStream in = PictureBytes.class.getResourceAsStream("/pictures/" + name)) {
      return in.readAllBytes();
    }
  }

  /**
   * A TIFF file of one uncompressed strip, classic or BigTIFF.
   *
   * @param extra the tag ExtraSamples of a fourth channel
   */
  static byte[] tiff(
      boolean big,
      int width,
      int height,
      byte[] samples,
      int orientation,
      int compression,
      int extra) {
    int channels = samples.length / width / height;
    int[][] tags = {
      {256, width},
      {257, height},
      {258, 8},
      {259, compression},
      {262, 2},
      {273, 0},
      {274, orientation},
      {277, channels},
      {278, height},
      {279, samples.length},
      {338, extra}
    };
    int count = channels == 4 ? tags.length : tags.length - 1;
    int data = big ? 16 + 8 + 20 * count + 8 : 8 + 2 + 12 * count + 4;
    ByteBuffer out = ByteBuffer.allocate(data + samples.length);
    out.putShort((short) 0x4D4D).putShort((short) (big ? 43 : 42));
    if (big) {
      out.putShort((short) 8).putShort((short) 0).putLong(16).putLong(count);
    } else {
      out.putInt(8).putShort((short) count);
    }
    for (int[] tag : Arrays.copyOf(tags, count)) {
      int value = tag[0] == 273 ? data : tag[1];
      boolean narrow = tag[0] == 259 || tag[0] == 338;
      out.putShort((short) tag[0]).putShort((short) (narrow ? 3 : 4));
      if (big) {
        out.putLong(1);
      } else {
        out.putInt(1);
      }
      if (narrow) {
        out.putShort((short) value).putShort((short) 0);
      } else {
        out.putInt(value);
      }
      if (big) {
        out.putInt(0);
      }
    }
    if (big) {
      out.putLong(0);
    } else {
      out.putInt(0);
    }
    return out.put(samples).array();
  }

  /** A PNG file with more chunks at a place: 1 is after the header. */
  static byte[] with(byte[] png, int place, Chunk... more) {
    List<Chunk> chunks = new ArrayList<>(chunks(png));
    chunks.addAll(place, List.of(more));
    return png(chunks);
  }

  /** The TIFF structure of EXIF with an orientation, of type SHORT or LONG. */
  static byte[] exif(int orientation, ByteOrder order, boolean isLong) {
    ByteBuffer tiff = ByteBuffer.allocate(8 + 2 + 2 * 12 + 4).order(order);
    tiff.put(order == ByteOrder.BIG_ENDIAN ? bytes('M', 'M') : bytes('I', 'I'));
    tiff.putShort((short) 42).putInt(8).putShort((short) 2);
    tiff.putShort((short) 0x0100)
        .putShort((short) 3)
        .putInt(1)
        .putShort((short) 7)
        .putShort((short) 0);
    tiff.putShort((short) 0x0112).putShort((short) (isLong ? 4 : 3)).putInt(1);
    if (isLong) {
      tiff.putInt(orientation);
    } else {
      tiff.putShort((short) orientation);
    }
    return tiff.array();
  }

  static byte[] exif(int orientation) {
    return exif(orientation, ByteOrder.BIG_ENDIAN, false);
  }

  /** A JPEG file with a segment after its start. */
  static byte[] withSegment(byte[] jpeg, int marker, byte[] data) {
    byte[] head =
        ByteBuffer.allocate(4)
            .putShort((short) (0xFF00 | marker))
            .putShort((short) (data.length + 2))
            .array();
    return join(Arrays.copyOf(jpeg, 2), head, data, Arrays.copyOfRange(jpeg, 2, jpeg.length));
  }

  static byte[] withExif(byte[] jpeg, byte[] exif) {
    return withSegment(jpeg, 0xE1, join(bytes('E', 'x', 'i', 'f', 0, 0), exif));
  }

  /** A WebP file in the extended layout with a chunk after its picture. */
  static byte[] withChunk(byte[] webp, String type, byte[] data, int width, int height) {
    byte[] extended =
        ByteBuffer.allocate(18)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put("VP8X".getBytes(StandardCharsets.US_ASCII))
            .putInt(10)
            .put((byte) (type.equals("EXIF") ? 8 : type.equals("ICCP") ? 32 : 4))
            .put(bytes(0, 0, 0, width - 1, 0, 0, height - 1, 0, 0))
            .array();
    byte[] more =
        ByteBuffer.allocate(8 + data.length + data.length % 2)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(type.getBytes(StandardCharsets.US_ASCII))
            .putInt(data.length)
            .put(data)
            .array();
    byte[] picture = Arrays.copyOfRange(webp, 12, webp.length);
    byte[] body =
        type.equals("ICCP") ? join(extended, more, picture) : join(extended, picture, more);
    return webp(body);
  }

  /** The places where markers of a kind stand in a JPEG file's head. */
  static int marker(byte[] jpeg, int marker) {
    for (int at = 2; at + 4 < jpeg.length; ) {
      int here = jpeg[at + 1] & 255;
      if (here == marker) {
        return at;
      }
      at += 2 + ((jpeg[at + 2] & 255) << 8 | jpeg[at + 3] & 255);
    }
    throw new AssertionError("no such marker");
  }

  /** A WebP animation of one frame, which begins so far from the left and the top, both even. */
  static byte[] animation(byte[] webp, int width, int height, int left, int top) {
    byte[] picture = Arrays.copyOfRange(webp, 12, webp.length);
    byte[] body =
        join(
            "VP8X".getBytes(StandardCharsets.US_ASCII),
            bytes(10, 0, 0, 0, 2, 0, 0, 0),
            bytes(width + left - 1, 0, 0, height + top - 1, 0, 0),
            "ANIM".getBytes(StandardCharsets.US_ASCII),
            bytes(6, 0, 0, 0, 0, 0, 0, 0, 0, 0),
            "ANMF".getBytes(StandardCharsets.US_ASCII),
            ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(16 + picture.length)
                .array(),
            bytes(left / 2, 0, 0, top / 2, 0, 0, width - 1, 0, 0, height - 1, 0, 0, 100, 0, 0, 0),
            picture);
    return webp(body);
  }

  /** A WebP file of chunks. */
  private static byte[] webp(byte[] chunks) {
    return join(
        ByteBuffer.allocate(12)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put("RIFF".getBytes(StandardCharsets.US_ASCII))
            .putInt(4 + chunks.length)
            .put("WEBP".getBytes(StandardCharsets.US_ASCII))
            .array(),
        chunks);
  }

  /** Bytes put into others. */
  static byte[] insert(byte[] into, int at, byte[] what) {
    return join(Arrays.copyOf(into, at), what, Arrays.copyOfRange(into, at, into.length));
  }
}
