package org.peltast.tensor.kernels;

import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Range;

/** Softmax over the rows of attention's scores, in place. */
public final class Softmax {
  /** Numbers that are looked at together. */
  private static final int PIECE = 1024;

  private Softmax() {}

  /**
   * {@code p ← softmax(p + mask)}.
   *
   * @param p [items, heads, S, keys], keys a multiple of the vector's length, in either dtype
   * @param items in the batch
   * @param keys a row's length
   * @param mask what is added to each item's rows, of length keys: 0, or −∞ where a key does not
   *     count; null for nothing
   */
  public static void forward(HostBuffer p, int items, int keys, @Nullable Factor mask) {
    int rows = rows(p, keys) / items; // of an item
    if (mask != null) {
      mask.require(items, keys);
    }
    for (int item = 0; item < items; item++) {
      int first = item * rows;
      int masked = mask == null ? 0 : mask.at(item);
      Fused.eachRows(
          rows,
          keys,
          some -> forward(p, new Range(first + some.from(), some.count()), keys, mask, masked));
    }
  }

  private static void forward(
      HostBuffer p, Range rows, int keys, @Nullable Factor mask, int masked) {
    int step = step(keys);
    RowBuffer ps = RowBuffer.on(p, step * keys);
    float[] sums = Lanes.room(step);
    float[] most = new float[step];
    int end = rows.end();
    for (int row = rows.from(); row < end; row += step) {
      int count = Math.min(step, end - row);
      ps.read(row * keys, count * keys);
      if (mask != null) {
        addRows(ps.floats, count, keys, mask.values, masked);
      }
      largestRows(ps.floats, count, keys, most);
      exponentialRows(ps.floats, count, keys, most, sums);
      Lanes.sumRows(sums, count);
      scaleRows(ps.floats, count, keys, most, sums);
      ps.write(row * keys, count * keys);
    }
  }

  /**
   * The gradient by the scores, {@code ds = p ⊙ (dp − Σ dp ⊙ p)}.
   *
   * @param p the softmax's result
   * @param keys a row's length
   * @param dp the gradient by it; overwritten with ds
   */
  public static void backward(HostBuffer p, int keys, HostBuffer dp) {
    int rows = rows(p, keys);
    Fused.require(dp, p.count());
    Fused.eachRows(rows, keys, some -> backward(p, some, keys, dp));
  }

  private static void backward(HostBuffer p, Range rows, int keys, HostBuffer dp) {
    int step = step(keys);
    RowBuffer ps = RowBuffer.on(p, step * keys);
    RowBuffer dps = RowBuffer.on(dp, step * keys);
    float[] dots = Lanes.room(step);
    int end = rows.end();
    for (int row = rows.from(); row < end; row += step) {
      int count = Math.min(step, end - row);
      ps.read(row * keys, count * keys);
      dps.read(row * keys, count * keys);
      dotRows(ps.floats, dps.floats, count, keys, dots);
      Lanes.sumRows(dots, count);
      pullRows(ps.floats, dps.floats, count, keys, dots);
      dps.write(row * keys, count * keys);
    }
  }

  private static int rows(HostBuffer p, int keys) {
    if (keys < 1 || p.count() % keys != 0) {
      throw new IllegalArgumentException(p + " has no rows of " + keys);
    }
    return p.count() / keys;
  }

  /** Rows a piece. */
  private static int step(int keys) {
    return Math.max(1, PIECE / keys);
  }

  private static void addRows(float[] p, int rows, int keys, float[] mask, int from) {
    for (int row = 0; row < rows; row++) {
      int at = row * keys;
      for (int i = 0; i < keys; i += Lanes.WIDTH) {
        Lanes.store(Lanes.load(p, at + i).add(Lanes.load(mask, from + i)), p, at + i);
      }
    }
  }

  private static void largestRows(float[] p, int rows, int keys, float[] most) {
    for (int row = 0; row < rows; row++) {
      int at = row * keys;
      FloatVector max = Lanes.load(p, at);
      for (int i = Lanes.WIDTH; i < keys; i += Lanes.WIDTH) {
        max = Lanes.larger(max, Lanes.load(p, at + i));
      }
      most[row] = Lanes.largest(max);
    }
  }

  private static void exponentialRows(float[] p, int rows, int keys, float[] most, float[] sums) {
    for (int row = 0; row < rows; row++) {
      int at = row * keys;
      float max = most[row];
      FloatVector sum = Lanes.zero();
      for (int i = 0; i < keys; i += Lanes.WIDTH) {
        FloatVector e = Lanes.exp(Lanes.load(p, at + i).sub(max));
        Lanes.store(e, p, at + i);
        sum = sum.add(e);
      }
      Lanes.store(sum, sums, row * Lanes.WIDTH);
    }
  }

  private static void scaleRows(float[] p, int rows, int keys, float[] most, float[] sums) {
    for (int row = 0; row < rows; row++) {
      int at = row * keys;
      float factor = 1 / sums[row] + 0 * most[row]; // a maximum that is no number stays none
      for (int i = 0; i < keys; i += Lanes.WIDTH) {
        Lanes.store(Lanes.load(p, at + i).mul(factor), p, at + i);
      }
    }
  }

  private static void dotRows(float[] p, float[] dp, int rows, int keys, float[] dots) {
    for (int row = 0; row < rows; row++) {
      int at = row * keys;
      FloatVector sum = Lanes.zero();
      for (int i = 0; i < keys; i += Lanes.WIDTH) {
        sum = Lanes.load(p, at + i).fma(Lanes.load(dp, at + i), sum);
      }
      Lanes.store(sum, dots, row * Lanes.WIDTH);
    }
  }

  private static void pullRows(float[] p, float[] dp, int rows, int keys, float[] dots) {
    for (int row = 0; row < rows; row++) {
      int at = row * keys;
      float dot = dots[row];
      for (int i = 0; i < keys; i += Lanes.WIDTH) {
        FloatVector pulled = Lanes.load(dp, at + i).sub(dot);
        Lanes.store(Lanes.load(p, at + i).mul(pulled), dp, at + i);
      }
    }
  }
}
