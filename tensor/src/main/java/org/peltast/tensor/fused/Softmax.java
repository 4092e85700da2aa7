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
   * @param p [items, heads, S, keys], keys a multiple of the vector's length, in either dtype
   * @param items in the batch
   * @param keys a row's length
   * @param mask what is added, float32 [items, keys]: 0, or −∞ where a key does not count; null for
   *     nothing
   */
  public static void forward(Floats p, int items, int keys, @Nullable Floats mask) {
    int rows = rows(p, keys);
    if (mask != null) {
      Fused.requireFloat32(mask, (long) items * keys);
    }
    int width = keys * Float.BYTES;
    int rowsPerItem = rows / items;
    Window ps = Window.on(p, keys);
    for (int row = 0; row < rows; row++) {
      int at = ps.read(row * keys, keys);
      if (mask != null) {
        addRow(ps.memory, at, mask.memory(), row / rowsPerItem * width, width);
      }
      float max = maxRow(ps.memory, at, width);
      float sum = exponentialRow(ps.memory, at, max, width);
      scaleRow(ps.memory, at, 1 / sum + 0 * max, width); // a maximum that is no number stays none
      ps.write(row * keys, keys);
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
    Window ps = Window.on(p, keys);
    Window dps = Window.on(dp, keys);
    for (int row = 0; row < rows; row++) {
      int at = ps.read(row * keys, keys);
      int dpAt = dps.read(row * keys, keys);
      float dot = dotRow(ps.memory, at, dps.memory, dpAt, width);
      pullRow(ps.memory, at, dps.memory, dpAt, dot, width);
      dps.write(row * keys, keys);
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

  private static float dotRow(Object p, int at, Object dp, int dpAt, int width) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < width; i += Lanes.STEP) {
      sum = Lanes.load(p, at + i).fma(Lanes.load(dp, dpAt + i), sum);
    }
    return Lanes.sum(sum);
  }

  private static void pullRow(Object p, int at, Object dp, int dpAt, float dot, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      Lanes.store(Lanes.load(p, at + i).mul(Lanes.load(dp, dpAt + i).sub(dot)), dp, dpAt + i);
    }
  }
}
