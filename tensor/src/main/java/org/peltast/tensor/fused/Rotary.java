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
      spreadRows(turns.floats, cos, sin, count);
    }

    private static void spreadRows(float[] turns, float[] cos, float[] sin, int count) {
      for (int i = 0; i < count; i += Lanes.WIDTH) {
        FloatVector t = Lanes.load(turns, i);
        Lanes.store(Lanes.firsts(t), cos, i);
        Lanes.store(Lanes.signedSeconds(t), sin, i);
      }
    }
  }

  /**
   * {@code y = turn(f ⊙ r x)}.
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
    float[] r = new float[l.step() * l.heads()];
    float[] sums = Lanes.room(r.length);
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.byRow(item, row), count * l.dim());
        angles.read(item, row);
        Norms.inverseRms(xs.floats, count * l.heads(), dim, l.eps(), r, 0, sums);
        for (int head = 0; head < l.heads(); head++) {
          turnRows(l, head, count, xs.floats, r, fs.floats, angles.cos, angles.sin, ys.floats);
          ys.write(l.byHead(item, row, head), head * count * dim, count * dim);
        }
      }
    }
  }

  /** A head's rows: (a, b) → (a cos − b sin, a sin + b cos) of f ⊙ r x. */
  private static void turnRows(
      Layout l,
      int head,
      int rows,
      float[] x,
      float[] r,
      float[] f,
      float[] cos,
      float[] sin,
      float[] y) {
    int dim = l.headDim();
    int heads = l.heads();
    for (int row = 0; row < rows; row++) {
      int from = (row * heads + head) * dim;
      int to = (head * rows + row) * dim;
      int turn = row * dim;
      float s = r[row * heads + head];
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector n = Lanes.load(x, from + i).mul(s).mul(Lanes.load(f, i));
        FloatVector across = Lanes.swapped(n).mul(Lanes.load(sin, turn + i));
        Lanes.store(n.mul(Lanes.load(cos, turn + i)).add(across), y, to + i);
      }
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
    Window dys = Window.on(dy, l.step() * dim);
    Window dxs = l.pieces(dx);
    Angles angles = new Angles(l, turns);
    Window fs = Window.on(f, dim);
    Window dfs = Window.on(df, dim);
    fs.read(0, dim);
    dfs.read(0, dim);
    float[] g = new float[l.step() * l.dim()]; // by what was turned, in rows
    float[] r = new float[l.step() * l.heads()];
    float[] sums = Lanes.room(r.length);
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.byRow(item, row), count * l.dim());
        angles.read(item, row);
        for (int head = 0; head < l.heads(); head++) {
          dys.read(l.byHead(item, row, head), count * dim);
          turnBackRows(l, head, count, dys.floats, angles.cos, angles.sin, g);
        }
        int rows = count * l.heads();
        Norms.inverseRms(xs.floats, rows, dim, l.eps(), r, 0, sums);
        Norms.dotRows(xs.floats, g, rows, dim, r, 0, fs.floats, dfs.floats, sums);
        Lanes.sumRows(sums, rows);
        Norms.pullRows(xs.floats, g, rows, dim, r, 0, fs.floats, dxs.floats, sums);
        dxs.write(l.byRow(item, row), count * l.dim());
      }
    }
    dfs.write(0, dim);
  }

  /** A head's rows, turned back and laid where the head is in rows of all heads. */
  private static void turnBackRows(
      Layout l, int head, int rows, float[] dy, float[] cos, float[] sin, float[] g) {
    int dim = l.headDim();
    for (int row = 0; row < rows; row++) {
      int from = row * dim;
      int to = (row * l.heads() + head) * dim;
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector d = Lanes.load(dy, from + i);
        FloatVector across = Lanes.swapped(d).mul(Lanes.load(sin, from + i));
        Lanes.store(d.mul(Lanes.load(cos, from + i)).sub(across), g, to + i);
      }
    }
  }
}
