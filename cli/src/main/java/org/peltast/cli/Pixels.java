package org.peltast.cli;

import java.awt.image.BufferedImage;
import org.peltast.data.CaptionedImages;

/** Pictures of a collection as pictures of the JDK. */
final class Pixels {
  private Pixels() {}

  /** A picture of a collection. */
  static BufferedImage picture(CaptionedImages images, int index) {
    byte[] rgb = new byte[images.bytesPerImage()];
    images.pixels(index, rgb, 0);
    BufferedImage picture =
        new BufferedImage(images.width(), images.height(), BufferedImage.TYPE_INT_RGB);
    for (int i = 0, at = 0; i < rgb.length / 3; i++, at += 3) {
      picture.setRGB(
          i % images.width(),
          i / images.width(),
          (rgb[at] & 255) << 16 | (rgb[at + 1] & 255) << 8 | (rgb[at + 2] & 255));
    }
    return picture;
  }
}
