package org.peltast.cli;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;

/** Pictures that no camera took: bytes of files for tests of what reads them. */
final class HostilePictures {
  private HostilePictures() {}

  /** A plain picture of some colours. */
  static byte[] plain(int type, int width, int height) throws IOException {
    BufferedImage image = new BufferedImage(width, height, type);
    Graphics2D graphics = image.createGraphics();
    graphics.setColor(new Color(200, 60, 40, 180));
    graphics.fillOval(1, 1, width - 2, height - 2);
    graphics.dispose();
    return encoded(image, "png");
  }

  static byte[] encoded(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, format, out);
    return out.toByteArray();
  }

  /** A file of the data module's tests. */
  static byte[] resource(Path root, String name) throws IOException {
    return Files.readAllBytes(root.resolve("pictures/src/test/resources/pictures").resolve(name));
  }

  /** A PNG whose header claims a size and whose pixels are missing. */
  static byte[] claiming(int width, int height) throws IOException {
    ByteArrayOutputStream file = png(width, height);
    chunk(file, "IDAT", deflated(64));
    chunk(file, "IEND", new byte[0]);
    return file.toByteArray();
  }

  /** The same picture with bytes changed after its header, the same in each run. */
  static byte[] corrupted(byte[] picture) {
    byte[] bytes = picture.clone();
    Random random = new Random(3);
    for (int i = 45; i < bytes.length - 12; i += 7) {
      bytes[i] = (byte) random.nextInt();
    }
    return bytes;
  }

  private static ByteArrayOutputStream png(int width, int height) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(header);
    out.writeInt(width);
    out.writeInt(height);
    out.write(new byte[] {8, 2, 0, 0, 0}); // 8 bits, RGB
    chunk(file, "IHDR", header.toByteArray());
    return file;
  }

  private static byte[] deflated(long zeros) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DeflaterOutputStream out = new DeflaterOutputStream(bytes)) {
      byte[] block = new byte[1 << 16];
      for (long left = zeros; left > 0; left -= block.length) {
        out.write(block, 0, (int) Math.min(block.length, left));
      }
    }
    return bytes.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream file, String type, byte[] data)
      throws IOException {
    DataOutputStream out = new DataOutputStream(file);
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    CRC32 check = new CRC32();
    check.update(name);
    check.update(data);
    out.writeInt(data.length);
    out.write(name);
    out.write(data);
    out.writeInt((int) check.getValue());
  }
}
