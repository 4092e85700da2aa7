package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Floats;

/** Softmax over the rows of attention's scores, in place. */
public final class Softmax {
  private Softmax() {}

  /**
   * {@code p ← softmax(p + mask)}.
   *
   * @param p [items, heads, S, keys], keys a multiple of the vector's length
   * @param items in the batch
   * @param keys a row's length
   * @param mask what is added, [items, keys]: 0, or −∞ where a key does not count; null for nothing
   */
  public static void forward(Floats p, int items, int keys, @Nullable Floats mask) {
    int rows = rows(p, keys);
    if (mask != null) {
      Fused.require(mask, (long) items * keys);
    }
    int width = keys * Float.BYTES;
    int rowsPerItem = rows / items;
    for (int row = 0; row < rows; row++) {
      int at = row * width;
      if (mask != null) {
        addRow(p.memory(), at, mask.memory(), row / rowsPerItem * width, width);
      }
      float max = maxRow(p.memory(), at, width);
      float sum = exponentialRow(p.memory(), at, max, width);
      scaleRow(p.memory(), at, 1 / sum + 0 * max, width); // a maximum that is no number stays none
    }
  }

  /**
   * The gradient by the scores, {@code ds = p ⊙ (dp − Σ dp ⊙ p)}.
   *
   * @param p the softmax's result
   * @param keys a row's length
   * @param dp the gradient by it; overwritten with ds
   */
  public static void backward(Floats p, int keys, Floats dp) {
    int rows = rows(p, keys);
    Fused.require(dp, p.count());
    int width = keys * Float.BYTES;
    for (int row = 0; row < rows; row++) {
      int at = row * width;
      pullRow(p.memory(), dp.memory(), at, dotRow(p.memory(), dp.memory(), at, width), width);
    }
  }

  private static int rows(Floats p, int keys) {
    if (keys < 1 || p.count() % keys != 0) {
      throw new IllegalArgumentException(p + " has no rows of " + keys);
    }
    return p.count() / keys;
  }

  private static void addRow(Object p, int at, Object mask, int maskAt, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      Lanes.store(Lanes.load(p, at + i).add(Lanes.load(mask, maskAt + i)), p, at + i);
    }
  }

  private static float maxRow(Object p, int at, int width) {
    FloatVector max = Lanes.load(p, at);
    for (int i = Lanes.STEP; i < width; i += Lanes.STEP) {
      max = Lanes.larger(max, Lanes.load(p, at + i));
    }
    return Lanes.max(max);
  }

  private static float exponentialRow(Object p, int at, float max, int width) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector e = Lanes.exp(Lanes.load(p, at + i).sub(max));
      Lanes.store(e, p, at + i);
      sum = sum.add(e);
    }
    return Lanes.sum(sum);
  }

  private static void scaleRow(Object p, int at, float factor, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      Lanes.store(Lanes.load(p, at + i).mul(factor), p, at + i);
    }
  }

  private static float dotRow(Object p, Object dp, int at, int width) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < width; i += Lanes.STEP) {
      sum = Lanes.load(p, at + i).fma(Lanes.load(dp, at + i), sum);
    }
    return Lanes.sum(sum);
  }

  private static void pullRow(Object p, Object dp, int at, float dot, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      Lanes.store(Lanes.load(p, at + i).mul(Lanes.load(dp, at + i).sub(dot)), dp, at + i);
    }
  }
}
