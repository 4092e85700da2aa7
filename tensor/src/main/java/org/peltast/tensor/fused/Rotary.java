package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/**
 * Queries and keys on their way from a linear layer to attention: each head's root-mean-square
 * norm, its factor, the turn of neighbouring channels by their position's angles, and the layout by
 * heads, in one pass.
 */
public final class Rotary {
  private Rotary() {}

  /**
   * How things lie.
   *
   * @param items in the batch
   * @param rowsPerItem tokens S
   * @param heads H
   * @param headDim D, a multiple of the vector's length
   * @param eps ε of the norm
   */
  public record Layout(int items, int rowsPerItem, int heads, int headDim, float eps) {
    int count() {
      return items * rowsPerItem * heads * headDim;
    }

    /** The first number of a head's row in [items, H, S, D]. */
    int byHead(int item, int row, int head) {
      return (((item * heads + head) * rowsPerItem) + row) * headDim;
    }

    /** The first number of a row in [items · S, H · D]. */
    int byRow(int item, int row) {
      return (item * rowsPerItem + row) * heads * headDim;
    }

    /** The first byte of a row's angles. */
    int angles(Floats turns, int item, int row) {
      boolean shared = turns.count() == rowsPerItem * headDim;
      return ((shared ? 0 : item * rowsPerItem) + row) * headDim * Float.BYTES;
    }

    void requireTurns(Floats turns) {
      boolean shared = turns.count() == rowsPerItem * headDim;
      Fused.requireFloat32(turns, (shared ? 1L : items) * rowsPerItem * headDim);
    }
  }

  /**
   * {@code y = turnRow(f ⊙ r x)}.
   *
   * @param x [items · S, H · D], in either dtype
   * @param f float32 [D]
   * @param turns cosine and sine of each pair's angle, float32 [S, D] or [items, S, D]
   * @param y [items, H, S, D], in either dtype
   */
  public static void forward(Layout l, Floats x, Floats f, Floats turns, Floats y) {
    Fused.require(x, l.count());
    Fused.require(y, l.count());
    Fused.requireFloat32(f, l.headDim());
    l.requireTurns(turns);
    int dim = l.headDim();
    int width = dim * Float.BYTES;
    Window xs = Window.on(x, l.heads() * dim);
    Window ys = Window.on(y, dim);
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rowsPerItem(); row++) {
        int angles = l.angles(turns, item, row);
        int xAt = xs.read(l.byRow(item, row), l.heads() * dim);
        for (int head = 0; head < l.heads(); head++, xAt += width) {
          int place = l.byHead(item, row, head);
          float r = 1 / Norms.squareRow(xs.memory, xAt, dim, l.eps());
          turnRow(
              xs.memory,
              xAt,
              r,
              f.memory(),
              turns.memory(),
              angles,
              ys.memory,
              ys.open(place),
              width);
          ys.write(place, dim);
        }
      }
    }
  }

  /** (a, b) → (a cos − b sin, a sin + b cos). */
  private static void turnRow(
      Object x, int at, float r, Object f, Object turns, int angles, Object y, int yAt, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector n = Lanes.load(x, at + i).mul(r).mul(Lanes.load(f, i));
      FloatVector t = Lanes.load(turns, angles + i);
      FloatVector cos = t.rearrange(Lanes.FIRST);
      FloatVector sin = t.rearrange(Lanes.SECOND).mul(Lanes.SIGNS);
      Lanes.store(n.mul(cos).add(n.rearrange(Lanes.OTHER).mul(sin)), y, yAt + i);
    }
  }

  /**
   * The gradient of {@link #forward}: turns back, then as {@link Norms#backward}.
   *
   * @param dy [items, H, S, D], in either dtype; used up
   * @param dx [items · S, H · D], in either dtype
   * @param df float32 [D], added to
   */
  public static void backward(
      Layout l, Floats x, Floats f, Floats turns, Floats dy, Floats dx, Floats df) {
    Fused.require(x, l.count());
    Fused.require(dy, l.count());
    Fused.require(dx, l.count());
    Fused.requireFloat32(f, l.headDim());
    Fused.requireFloat32(df, l.headDim());
    l.requireTurns(turns);
    int dim = l.headDim();
    int width = dim * Float.BYTES;
    Window xs = Window.on(x, l.heads() * dim);
    Window dys = Window.on(dy, dim);
    Window dxs = Window.on(dx, l.heads() * dim);
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rowsPerItem(); row++) {
        int angles = l.angles(turns, item, row);
        int place = l.byRow(item, row);
        int xAt = xs.read(place, l.heads() * dim);
        int dxAt = dxs.open(place);
        for (int head = 0; head < l.heads(); head++, xAt += width, dxAt += width) {
          int dyAt = dys.read(l.byHead(item, row, head), dim);
          float r = 1 / Norms.squareRow(xs.memory, xAt, dim, l.eps());
          turnBackRow(dys.memory, dyAt, turns.memory(), angles, width);
          float mean =
              dotRow(xs.memory, xAt, dys.memory, dyAt, r, f.memory(), df.memory(), width) / dim;
          float c = r * r * r * mean;
          pullRow(xs.memory, xAt, dxs.memory, dxAt, dys.memory, dyAt, r, c, f.memory(), width);
        }
        dxs.write(place, l.heads() * dim);
      }
    }
  }

  private static void turnBackRow(Object dy, int at, Object turns, int angles, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector g = Lanes.load(dy, at + i);
      FloatVector t = Lanes.load(turns, angles + i);
      FloatVector cos = t.rearrange(Lanes.FIRST);
      FloatVector sin = t.rearrange(Lanes.SECOND).mul(Lanes.SIGNS);
      Lanes.store(g.mul(cos).sub(g.rearrange(Lanes.OTHER).mul(sin)), dy, at + i);
    }
  }

  private static float dotRow(
      Object x, int at, Object g, int gAt, float r, Object f, Object df, int width) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector product = Lanes.load(x, at + i).mul(Lanes.load(g, gAt + i));
      sum = product.fma(Lanes.load(f, i), sum);
      Lanes.store(product.mul(r).add(Lanes.load(df, i)), df, i);
    }
    return Lanes.sum(sum);
  }

  private static void pullRow(
      Object x,
      int at,
      Object dx,
      int dxAt,
      Object g,
      int gAt,
      float r,
      float c,
      Object f,
      int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector e = Lanes.load(g, gAt + i).mul(Lanes.load(f, i)).mul(r);
      Lanes.store(e.sub(Lanes.load(x, at + i).mul(c)), dx, dxAt + i);
    }
  }
}
