package org.peltast.pictures;

/**
 * Scales pictures with a triangle filter as wide as the scale asks (antialiased bilinear
 * interpolation, as image libraries for training do it), rows and columns apart.
 */
public final class Resampler {
  private Resampler() {}

  /**
   * Cuts the largest centred part of the target's aspect ratio and scales it.
   *
   * @param rgb packed pixels 0xRRGGBB [height][width]
   * @return bytes [toHeight][toWidth][3]
   */
  public static byte[] cover(int[] rgb, int width, int height, int toWidth, int toHeight) {
    double scale = Math.min((double) width / toWidth, (double) height / toHeight);
    Taps columns = new Taps(width, (width - toWidth * scale) / 2, scale, toWidth);
    Taps rows = new Taps(height, (height - toHeight * scale) / 2, scale, toHeight);
    // Only the rows that are needed are scaled.
    float[] wide =
        new float[Math.multiplyExact(Math.multiplyExact(rows.end - rows.start, toWidth), 3)];
    for (int y = rows.start; y < rows.end; y++) {
      for (int x = 0; x < toWidth; x++) {
        float red = 0;
        float green = 0;
        float blue = 0;
        float[] weights = columns.weights[x];
        int at = y * width + columns.first[x];
        for (float weight : weights) {
          int pixel = rgb[at++];
          red += weight * ((pixel >> 16) & 255);
          green += weight * ((pixel >> 8) & 255);
          blue += weight * (pixel & 255);
        }
        int out = ((y - rows.start) * toWidth + x) * 3;
        wide[out] = red;
        wide[out + 1] = green;
        wide[out + 2] = blue;
      }
    }
    byte[] scaled = new byte[toWidth * toHeight * 3];
    for (int y = 0; y < toHeight; y++) {
      float[] weights = rows.weights[y];
      for (int i = 0; i < toWidth * 3; i++) {
        float sum = 0;
        int at = (rows.first[y] - rows.start) * toWidth * 3 + i;
        for (float weight : weights) {
          sum += weight * wide[at];
          at += toWidth * 3;
        }
        scaled[y * toWidth * 3 + i] = (byte) Math.max(0, Math.min(255, Math.round(sum)));
      }
    }
    return scaled;
  }

  /** For each target place, the first source place and the weights from there, which sum to 1. */
  private static final class Taps {
    final int[] first;
    final float[][] weights;
    final int start;
    final int end;

    Taps(int length, double offset, double scale, int count) {
      first = new int[count];
      weights = new float[count][];
      double support = Math.max(1, scale);
      int lowest = length;
      int highest = 0;
      for (int i = 0; i < count; i++) {
        double centre = offset + (i + 0.5) * scale;
        // What is cut off does not shine in from outside.
        int from = (int) Math.floor(Math.max(offset, centre - support));
        int to = (int) Math.ceil(Math.min(offset + scale * count, centre + support));
        from = Math.max(0, from);
        to = Math.min(length, Math.max(to, from + 1));
        double[] raw = new double[to - from];
        double sum = 0;
        for (int j = from; j < to; j++) {
          raw[j - from] = Math.max(0, 1 - Math.abs((j + 0.5 - centre) / support));
          sum += raw[j - from];
        }
        float[] normal = new float[raw.length];
        for (int j = 0; j < raw.length; j++) {
          normal[j] = (float) (raw[j] / sum);
        }
        first[i] = from;
        weights[i] = normal;
        lowest = Math.min(lowest, from);
        highest = Math.max(highest, to);
      }
      start = lowest;
      end = highest;
    }
  }
}
