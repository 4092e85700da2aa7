package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Floats;

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
   * @param mask what is added, float32 [items, keys]: 0, or −∞ where a key does not count; null for
   *     nothing
   */
  public static void forward(Floats p, int items, int keys, @Nullable Floats mask) {
    int rows = rows(p, keys) / items; // of an item
    if (mask != null) {
      Fused.requireFloat32(mask, (long) items * keys);
    }
    int step = step(keys);
    Window ps = Window.on(p, step * keys);
    @Nullable Window masks = mask == null ? null : Window.on(mask, keys);
    float[] lanes = Lanes.room();
    for (int item = 0; item < items; item++) {
      if (masks != null) {
        masks.read(item * keys, keys);
      }
      for (int row = 0; row < rows; row += step) {
        int first = (item * rows + row) * keys;
        int count = Math.min(step, rows - row) * keys;
        ps.read(first, count);
        for (int at = 0; at < count; at += keys) {
          if (masks != null) {
            addRow(ps.floats, at, masks.floats, keys);
          }
          float max = maxRow(ps.floats, at, keys, lanes);
          float sum = exponentialRow(ps.floats, at, max, keys, lanes);
          // A maximum that is no number stays none.
          scaleRow(ps.floats, at, 1 / sum + 0 * max, keys);
        }
        ps.write(first, count);
      }
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
    int step = step(keys);
    Window ps = Window.on(p, step * keys);
    Window dps = Window.on(dp, step * keys);
    float[] lanes = Lanes.room();
    for (int row = 0; row < rows; row += step) {
      int count = Math.min(step, rows - row) * keys;
      ps.read(row * keys, count);
      dps.read(row * keys, count);
      for (int at = 0; at < count; at += keys) {
        float dot = dotRow(ps.floats, dps.floats, at, keys, lanes);
        pullRow(ps.floats, dps.floats, at, dot, keys);
      }
      dps.write(row * keys, count);
    }
  }

  private static int rows(Floats p, int keys) {
    if (keys < 1 || p.count() % keys != 0) {
      throw new IllegalArgumentException(p + " has no rows of " + keys);
    }
    return p.count() / keys;
  }

  /** Rows a piece. */
  private static int step(int keys) {
    return Math.max(1, PIECE / keys);
  }

  private static void addRow(float[] p, int at, float[] mask, int keys) {
    for (int i = 0; i < keys; i += Lanes.WIDTH) {
      Lanes.store(Lanes.load(p, at + i).add(Lanes.load(mask, i)), p, at + i);
    }
  }

  private static float maxRow(float[] p, int at, int keys, float[] lanes) {
    FloatVector max = Lanes.load(p, at);
    for (int i = Lanes.WIDTH; i < keys; i += Lanes.WIDTH) {
      max = Lanes.larger(max, Lanes.load(p, at + i));
    }
    return Lanes.max(max, lanes);
  }

  private static float exponentialRow(float[] p, int at, float max, int keys, float[] lanes) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < keys; i += Lanes.WIDTH) {
      FloatVector e = Lanes.exp(Lanes.load(p, at + i).sub(max));
      Lanes.store(e, p, at + i);
      sum = sum.add(e);
    }
    return Lanes.sum(sum, lanes);
  }

  private static void scaleRow(float[] p, int at, float factor, int keys) {
    for (int i = 0; i < keys; i += Lanes.WIDTH) {
      Lanes.store(Lanes.load(p, at + i).mul(factor), p, at + i);
    }
  }

  private static float dotRow(float[] p, float[] dp, int at, int keys, float[] lanes) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < keys; i += Lanes.WIDTH) {
      sum = Lanes.load(p, at + i).fma(Lanes.load(dp, at + i), sum);
    }
    return Lanes.sum(sum, lanes);
  }

  private static void pullRow(float[] p, float[] dp, int at, float dot, int keys) {
    for (int i = 0; i < keys; i += Lanes.WIDTH) {
      FloatVector pulled = Lanes.load(dp, at + i).sub(dot);
      Lanes.store(Lanes.load(p, at + i).mul(pulled), dp, at + i);
    }
  }
}
