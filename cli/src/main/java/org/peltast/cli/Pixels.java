package org.peltast.cli;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import org.peltast.data.CaptionedImages;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Pictures of data and of networks as pictures of the JDK. */
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

  /**
   * Pictures of a network.
   *
   * @param images float32 [n, 3, h, w]; values outside [0, 1] are clamped
   */
  static List<BufferedImage> pictures(Tensor images) {
    int n = (int) images.size(0);
    int h = (int) images.size(2);
    int w = (int) images.size(3);
    float[] values;
    try (Scope scope = Scope.open()) {
      values = images.clamp(0, 1).mul(255).toFloats();
    }
    List<BufferedImage> pictures = new ArrayList<>(n);
    int area = h * w;
    for (int i = 0; i < n; i++) {
      BufferedImage picture = new BufferedImage(w, h, BufferedImage.TYPE_INT_RGB);
      for (int p = 0; p < area; p++) {
        int at = 3 * i * area + p;
        picture.setRGB(
            p % w,
            p / w,
            Math.round(values[at]) << 16
                | Math.round(values[at + area]) << 8
                | Math.round(values[at + 2 * area]));
      }
      pictures.add(picture);
    }
    return pictures;
  }
}
