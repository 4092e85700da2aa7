package org.peltast.data;

import java.util.Locale;

/** Pictures in the layouts that others want. */
public final class PixelBatches {
  private PixelBatches() {}

  /**
   * Reads a batch as the float32 array that a network's input is made of.
   *
   * @param indices the pictures' numbers, B of them
   * @param out receives [B, 3, height, width], each value in [0, 1]; its length must be just that
   */
  public static void toFloats(CaptionedImages images, int[] indices, float[] out) {
    int area = images.height() * images.width();
    if (out.length != indices.length * 3L * area) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "out must have %d places for %d pictures of %d × %d pixels, but has %d.",
              indices.length * 3L * area,
              indices.length,
              images.width(),
              images.height(),
              out.length));
    }
    byte[] rgb = new byte[3 * area];
    for (int b = 0; b < indices.length; b++) {
      images.pixels(indices[b], rgb, 0);
      int start = b * 3 * area;
      for (int i = 0; i < area; i++) {
        out[start + i] = (rgb[3 * i] & 255) / 255f;
        out[start + area + i] = (rgb[3 * i + 1] & 255) / 255f;
        out[start + 2 * area + i] = (rgb[3 * i + 2] & 255) / 255f;
      }
    }
  }
}
