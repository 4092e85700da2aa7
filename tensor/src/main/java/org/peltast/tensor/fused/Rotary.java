package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/**
 * Queries and keys on their way from a linear layer to attention: each head's root-mean-square
 * norm, its factor, the turn of neighbouring channels by their position's angles, and the layout by
 * heads, in one pass.
 */
public final class Rotary {
  /** Numbers of a head that are looked at together. */
  private static final int PIECE = 1024;

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

    int dim() {
      return heads * headDim;
    }

    /** Rows a piece. */
    int step() {
      return Math.max(1, PIECE / headDim);
    }

    /** How many rows from this one on are a piece of their item. */
    int together(int row) {
      return Math.min(step(), rowsPerItem - row);
    }

    /** A piece of a matrix: rows of all heads, or the rows of each head. */
    Window pieces(Floats matrix) {
      return Window.on(matrix, step() * dim());
    }

    /** The first number of a head's row in [items, H, S, D]. */
    int byHead(int item, int row, int head) {
      return ((item * heads + head) * rowsPerItem + row) * headDim;
    }

    /** The first number of a row in [items · S, H · D]. */
    int byRow(int item, int row) {
      return (item * rowsPerItem + row) * dim();
    }

    void requireTurns(Floats turns) {
      Fused.requireFloat32(turns, (isShared(turns) ? 1L : items) * rowsPerItem * headDim);
    }

    private boolean isShared(Floats turns) {
      return turns.count() == rowsPerItem * headDim;
    }
  }

  /**
   * The angles of some rows: (cos, cos) and (−sin, sin) for each pair of channels, which all heads
   * are turned by.
   */
  private static final class Angles {
    final float[] cos;
    final float[] sin;
    private final Layout layout;
    private final boolean shared;
    private final Window turns;

    Angles(Layout l, Floats turns) {
      this.layout = l;
      this.shared = l.isShared(turns);
      this.turns = Window.on(turns, l.step() * l.headDim());
      this.cos = new float[l.step() * l.headDim()];
      this.sin = new float[cos.length];
    }

    void read(int item, int row) {
      int before = shared ? 0 : item * layout.rowsPerItem();
      int count = layout.together(row) * layout.headDim();
      turns.read((before + row) * layout.headDim(), count);
      spreadRow(turns.floats, cos, sin, count);
    }

    private static void spreadRow(float[] turns, float[] cos, float[] sin, int count) {
      for (int i = 0; i < count; i += Lanes.WIDTH) {
        FloatVector t = Lanes.load(turns, i);
        Lanes.store(Lanes.firsts(t), cos, i);
        Lanes.store(Lanes.signedSeconds(t), sin, i);
      }
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
    Window xs = l.pieces(x);
    Window ys = l.pieces(y);
    Angles angles = new Angles(l, turns);
    Window fs = Window.on(f, dim);
    fs.read(0, dim);
    float[] lanes = Lanes.room();
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.byRow(item, row), count * l.dim());
        angles.read(item, row);
        for (int head = 0; head < l.heads(); head++) {
          for (int i = 0; i < count; i++) {
            int at = i * l.dim() + head * dim;
            float r = 1 / Norms.rmsRow(xs.floats, at, dim, l.eps(), lanes);
            int to = (head * count + i) * dim;
            normRow(xs.floats, at, r, fs.floats, ys.floats, to, dim);
            turnRow(ys.floats, to, angles.cos, angles.sin, i * dim, dim);
          }
          ys.write(l.byHead(item, row, head), head * count * dim, count * dim);
        }
      }
    }
  }

  private static void normRow(float[] x, int at, float r, float[] f, float[] y, int to, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      Lanes.store(Lanes.load(x, at + i).mul(r).mul(Lanes.load(f, i)), y, to + i);
    }
  }

  /** (a, b) → (a cos − b sin, a sin + b cos). */
  private static void turnRow(float[] y, int at, float[] cos, float[] sin, int turn, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector v = Lanes.load(y, at + i);
      FloatVector across = Lanes.swapped(v).mul(Lanes.load(sin, turn + i));
      Lanes.store(v.mul(Lanes.load(cos, turn + i)).add(across), y, at + i);
    }
  }

  /**
   * The gradient of {@link #forward}: turns back, then as {@link Norms#backward}.
   *
   * @param dy [items, H, S, D], in either dtype
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
    Window xs = l.pieces(x);
    Window dys = l.pieces(dy);
    Window dxs = l.pieces(dx);
    Angles angles = new Angles(l, turns);
    Window fs = Window.on(f, dim);
    Window dfs = Window.on(df, dim);
    fs.read(0, dim);
    dfs.read(0, dim);
    float[] lanes = Lanes.room();
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.byRow(item, row), count * l.dim());
        angles.read(item, row);
        for (int head = 0; head < l.heads(); head++) {
          dys.read(l.byHead(item, row, head), head * count * dim, count * dim);
        }
        for (int i = 0; i < count; i++) {
          for (int head = 0; head < l.heads(); head++) {
            int at = i * l.dim() + head * dim;
            int from = (head * count + i) * dim;
            float r = 1 / Norms.rmsRow(xs.floats, at, dim, l.eps(), lanes);
            turnBackRow(dys.floats, from, angles.cos, angles.sin, i * dim, dim);
            float dot =
                dotRow(xs.floats, at, dys.floats, from, r, fs.floats, dfs.floats, dim, lanes);
            float c = r * r * r * (dot / dim);
            pullRow(xs.floats, at, dys.floats, from, r, c, fs.floats, dxs.floats, dim);
          }
        }
        dxs.write(l.byRow(item, row), count * l.dim());
      }
    }
    dfs.write(0, dim);
  }

  private static void turnBackRow(float[] dy, int at, float[] cos, float[] sin, int turn, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector g = Lanes.load(dy, at + i);
      FloatVector across = Lanes.swapped(g).mul(Lanes.load(sin, turn + i));
      Lanes.store(g.mul(Lanes.load(cos, turn + i)).sub(across), dy, at + i);
    }
  }

  private static float dotRow(
      float[] x,
      int at,
      float[] g,
      int from,
      float r,
      float[] f,
      float[] df,
      int dim,
      float[] lanes) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector product = Lanes.load(x, at + i).mul(Lanes.load(g, from + i));
      sum = product.fma(Lanes.load(f, i), sum);
      Lanes.store(product.mul(r).add(Lanes.load(df, i)), df, i);
    }
    return Lanes.sum(sum, lanes);
  }

  private static void pullRow(
      float[] x, int at, float[] g, int from, float r, float c, float[] f, float[] dx, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector e = Lanes.load(g, from + i).mul(Lanes.load(f, i)).mul(r);
      Lanes.store(e.sub(Lanes.load(x, at + i).mul(c)), dx, at + i);
    }
  }
}
