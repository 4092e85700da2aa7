package org.peltast.tensor.kernels;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.HostBuffer;

/**
 * Queries and keys on their way from a linear layer to attention: each head's root-mean-square
 * norm, its factor, and the turn of neighbouring channels by their position's angles, in one pass.
 */
public final class Rotary {
  /** Numbers of a matrix that are looked at together. */
  private static final int PIECE = 1024;

  private Rotary() {}

  /**
   * How rows lie, in matrices [items · rowsOfItem, heads · headDim].
   *
   * @param items in the batch
   * @param rows of each item, from the first, that are turned
   * @param rowsOfItem in the matrices
   * @param heads H
   * @param headDim D, a multiple of the vector's length
   * @param eps ε of the norm
   */
  public record Layout(int items, int rows, int rowsOfItem, int heads, int headDim, float eps) {
    private int dim() {
      return heads * headDim;
    }

    /** Rows a piece. */
    private int step() {
      return Math.max(1, PIECE / dim());
    }

    /** How many rows from this one on are a piece of their item. */
    private int together(int row) {
      return Math.min(step(), rows - row);
    }

    /** The first number of a row. */
    private int place(int item, int row) {
      return (item * rowsOfItem + row) * dim();
    }

    private RowBuffer pieces(HostBuffer matrix) {
      Fused.require(matrix, (long) items * rowsOfItem * dim());
      return RowBuffer.on(matrix, step() * dim());
    }

    private void require(float[] f, RotaryTable table) {
      table.require(items, rows, headDim);
      if (f.length != headDim || rows > rowsOfItem) {
        throw new IllegalArgumentException(
            "a kernel was given a factor of " + f.length + " for " + this);
      }
    }
  }

  /**
   * {@code y = turn(f ⊙ r x)} with r = 1/rms of each head's row.
   *
   * @param x in either dtype
   * @param f [headDim]
   * @param y in either dtype; may be x. What is not turned is left alone
   */
  public static void forward(Layout l, HostBuffer x, float[] f, RotaryTable table, HostBuffer y) {
    l.require(f, table);
    int dim = l.headDim();
    RowBuffer xs = l.pieces(x);
    RowBuffer ys = l.pieces(y);
    float[] r = new float[l.step() * l.heads()];
    float[] sums = Lanes.room(r.length);
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rows(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.place(item, row), count * l.dim());
        Norms.inverseRms(xs.floats, 0, count * l.heads(), dim, l.eps(), r, 0, sums);
        turnRows(
            xs.floats,
            count,
            l.heads(),
            dim,
            r,
            f,
            table.cos,
            table.sin,
            table.at(item, row),
            ys.floats);
        ys.write(l.place(item, row), count * l.dim());
      }
    }
  }

  /** (a, b) → (a cos − b sin, a sin + b cos) of f ⊙ r x, of each row's heads. */
  private static void turnRows(
      float[] x,
      int rows,
      int heads,
      int dim,
      float[] r,
      float[] f,
      float[] cos,
      float[] sin,
      int turn,
      float[] y) {
    for (int i = 0; i < rows * heads; i++) {
      int at = i * dim;
      int angle = turn + i / heads * dim;
      float s = r[i];
      for (int k = 0; k < dim; k += Lanes.WIDTH) {
        FloatVector n = Lanes.load(x, at + k).mul(s).mul(Lanes.load(f, k));
        FloatVector across = Lanes.swapped(n).mul(Lanes.load(sin, angle + k));
        Lanes.store(n.mul(Lanes.load(cos, angle + k)).add(across), y, at + k);
      }
    }
  }

  /**
   * The gradient of {@link #forward}: turns back, then as {@link Norms#joinBack}.
   *
   * @param dy in either dtype
   * @param dx in either dtype, written: zero in rows that are not turned; may be dy
   * @param df [headDim], added to; of no length where nobody asks for it
   */
  public static void backward(
      Layout l,
      HostBuffer x,
      float[] f,
      RotaryTable table,
      HostBuffer dy,
      HostBuffer dx,
      float[] df) {
    l.require(f, table);
    if (df.length > 0) {
      l.require(df, table);
      Factor.count();
    }
    int dim = l.headDim();
    RowBuffer xs = l.pieces(x);
    RowBuffer dys = l.pieces(dy);
    RowBuffer dxs = l.pieces(dx);
    float[] r = new float[l.step() * l.heads()];
    float[] dots = Lanes.room(r.length);
    for (int item = 0; item < l.items(); item++) {
      for (int row = 0; row < l.rows(); row += l.step()) {
        int count = l.together(row);
        int heads = count * l.heads();
        xs.read(l.place(item, row), count * l.dim());
        dys.read(l.place(item, row), count * l.dim());
        turnBackRows(dys.floats, count, l.heads(), dim, table.cos, table.sin, table.at(item, row));
        Norms.inverseRms(xs.floats, 0, heads, dim, l.eps(), r, 0, dots);
        if (df.length > 0) {
          Norms.dotRows(xs.floats, dys.floats, 0, heads, dim, r, 0, f, 0, df, 0, dots);
        } else {
          Norms.dotRows(xs.floats, dys.floats, 0, heads, dim, f, 0, dots);
        }
        Lanes.sumRows(dots, heads);
        Norms.pullRows(xs.floats, dys.floats, 0, heads, dim, r, 0, f, 0, dxs.floats, dots);
        dxs.write(l.place(item, row), count * l.dim());
      }
      clear(l, item, dxs);
    }
  }

  private static void clear(Layout l, int item, RowBuffer dxs) {
    for (int row = l.rows(); row < l.rowsOfItem(); row += l.step()) {
      int count = Math.min(l.step(), l.rowsOfItem() - row) * l.dim();
      Arrays.fill(dxs.floats, 0, count, 0);
      dxs.write(l.place(item, row), count);
    }
  }

  /** Each row's heads, turned back in place. */
  private static void turnBackRows(
      float[] d, int rows, int heads, int dim, float[] cos, float[] sin, int turn) {
    for (int i = 0; i < rows * heads; i++) {
      int at = i * dim;
      int angle = turn + i / heads * dim;
      for (int k = 0; k < dim; k += Lanes.WIDTH) {
        FloatVector v = Lanes.load(d, at + k);
        FloatVector across = Lanes.swapped(v).mul(Lanes.load(sin, angle + k));
        Lanes.store(v.mul(Lanes.load(cos, angle + k)).sub(across), d, at + k);
      }
    }
  }
}
