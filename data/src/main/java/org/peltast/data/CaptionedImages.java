package org.peltast.data;

import java.awt.image.BufferedImage;

/** Pictures of one size with their captions. */
public interface CaptionedImages extends Prompts {
  /** The height of each picture in pixels. */
  int height();

  /** The width of each picture in pixels. */
  int width();

  /** What is known of a picture. */
  Item item(int index);

  /**
   * Copies a picture.
   *
   * @param rgb receives the bytes [height][width][3], red first, 0 to 255
   * @param offset where in {@code rgb} the picture starts
   */
  void pixels(int index, byte[] rgb, int offset);

  /** The number of bytes of a picture: height × width × 3. */
  default int bytesPerImage() {
    return Math.multiplyExact(Math.multiplyExact(height(), width()), 3);
  }

  /** A picture as one of the JDK's. */
  default BufferedImage picture(int index) {
    byte[] rgb = new byte[bytesPerImage()];
    pixels(index, rgb, 0);
    BufferedImage picture = new BufferedImage(width(), height(), BufferedImage.TYPE_INT_RGB);
    for (int i = 0, at = 0; i < rgb.length / 3; i++, at += 3) {
      picture.setRGB(
          i % width(),
          i / width(),
          ((rgb[at] & 255) << 16) | ((rgb[at + 1] & 255) << 8) | (rgb[at + 2] & 255));
    }
    return picture;
  }

  /**
   * What is known of a picture.
   *
   * @param family the style it is drawn in, such as {@code noto}; empty if unknown
   * @param concept what it shows, in words, such as {@code red apple}; the caption if unknown
   * @param source where it comes from: the drawing's name or the file's
   */
  record Item(String family, String concept, String source) {}
}
