package org.peltast.evaluate;

import org.peltast.tensor.Rng;

/**
 * Slight changes that leave a picture what it is: shift, size, brightness and tint. No mirroring
 * (arrows, letters and flags would change their meaning), and neither blur nor noise: the judge
 * must go on seeing those.
 *
 * @param shift the farthest, in pixels
 * @param scale the largest change of size: 0.1 is 0.9 to 1.1
 * @param brightness the largest change of the factor common to all channels
 * @param tint the largest change of a channel's own factor
 */
record Augmentation(double shift, double scale, double brightness, double tint) {

  /** What the shipped judge was trained with. */
  static final Augmentation SLIGHT = new Augmentation(4, 0.1, 0.08, 0.05);

  /** None. */
  static final Augmentation NONE = new Augmentation(0, 0, 0, 0);

  /**
   * Writes one picture, changed, in planes.
   *
   * @param rgb s·s·3 bytes, interleaved
   * @param target receives 3·s·s numbers in [0, 1] from {@code offset} on: R, then G, then B
   */
  void apply(byte[] rgb, int s, Rng rng, float[] target, int offset) {
    double zoom = 1 + rng.uniform(-scale, scale);
    double dx = rng.uniform(-shift, shift);
    double dy = rng.uniform(-shift, shift);
    double gain = 1 + rng.uniform(-brightness, brightness);
    float[] factor = new float[3];
    for (int c = 0; c < 3; c++) {
      factor[c] = (float) (gain * (1 + rng.uniform(-tint, tint)) / 255);
    }
    double centre = (s - 1) / 2.0;
    int[] x0 = new int[s];
    float[] wx = new float[s];
    for (int x = 0; x < s; x++) {
      double at = within((x - centre) / zoom + centre - dx, s);
      x0[x] = Math.min((int) at, s - 2);
      wx[x] = (float) (at - x0[x]);
    }
    for (int y = 0; y < s; y++) {
      double at = within((y - centre) / zoom + centre - dy, s);
      int y0 = Math.min((int) at, s - 2);
      float wy = (float) (at - y0);
      for (int x = 0; x < s; x++) {
        int p = (y0 * s + x0[x]) * 3;
        for (int c = 0; c < 3; c++) {
          float top = mix(rgb[p + c], rgb[p + 3 + c], wx[x]);
          float bottom = mix(rgb[p + 3 * s + c], rgb[p + 3 * s + 3 + c], wx[x]);
          float v = (top + wy * (bottom - top)) * factor[c];
          target[offset + (c * s + y) * s + x] = Math.min(1, v);
        }
      }
    }
  }

  /** Beyond the edge the edge goes on: emoji stand on a plain ground. */
  private static double within(double at, int s) {
    return Math.max(0, Math.min(s - 1, at));
  }

  private static float mix(byte a, byte b, float w) {
    float left = a & 0xff;
    return left + w * ((b & 0xff) - left);
  }
}
