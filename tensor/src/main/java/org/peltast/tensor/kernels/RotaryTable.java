package org.peltast.tensor.kernels;

import java.util.Locale;
import jdk.incubator.vector.FloatVector;

/**
 * By which angles the channels of a row are turned, neighbouring ones as a pair: a row of cosines
 * and sines for each token, alike for all items or each item's own.
 */
public final class RotaryTable {
  final float[] cos; // (c, c) of each pair
  final float[] sin; // (−s, s) of each pair
  private final int tokens;
  private final int headDim;
  private final int first; // of the first item
  private final int step; // from one item to the next: 0 where all share them

  private RotaryTable(float[] cos, float[] sin, int tokens, int headDim, int first, int step) {
    this.cos = cos;
    this.sin = sin;
    this.tokens = tokens;
    this.headDim = headDim;
    this.first = first;
    this.step = step;
  }

  /**
   * Spreads angles out as kernels read them.
   *
   * @param turns cosine and sine of each pair's angle, [tokens, headDim] for all items or [items,
   *     tokens, headDim]; headDim a multiple of the vector's length
   */
  public static RotaryTable of(float[] turns, int tokens, int headDim) {
    int size = Math.multiplyExact(tokens, headDim);
    if (tokens < 1
        || headDim % Fused.width() != 0
        || turns.length == 0
        || turns.length % size != 0) {
      throw new IllegalArgumentException(
          turns.length + " numbers are no rotary table of " + tokens + " rows of " + headDim);
    }
    float[] cos = new float[turns.length];
    float[] sin = new float[turns.length];
    spreadRows(turns, cos, sin, turns.length);
    return new RotaryTable(cos, sin, tokens, headDim, 0, turns.length == size ? 0 : size);
  }

  /** Those of the items from one on. */
  public RotaryTable from(int item) {
    return new RotaryTable(cos, sin, tokens, headDim, first + item * step, step);
  }

  /** Where a row's angles begin. */
  int at(int item, int row) {
    return first + item * step + row * headDim;
  }

  void require(int items, int rows, int wanted) {
    if (rows > tokens
        || wanted != headDim
        || first + (items - 1L) * step + (long) tokens * headDim > cos.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a kernel was given a rotary table of %d rows of %d for %d items with %d of %d",
              tokens,
              headDim,
              items,
              rows,
              wanted));
    }
  }

  private static void spreadRows(float[] turns, float[] cos, float[] sin, int count) {
    for (int i = 0; i < count; i += Lanes.WIDTH) {
      FloatVector t = Lanes.load(turns, i);
      Lanes.store(Lanes.firsts(t), cos, i);
      Lanes.store(Lanes.signedSeconds(t), sin, i);
    }
  }
}
