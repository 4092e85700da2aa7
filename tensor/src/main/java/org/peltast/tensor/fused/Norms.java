package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/**
 * Root-mean-square norms with a factor, {@code y = f ⊙ r x} with {@code r = 1/√(mean(x²) + ε)}, and
 * what stands around them in a transformer block, a few rows at a time while they are in the
 * nearest cache.
 *
 * <p>Rows are those of a matrix [items · rowsPerItem, dim] in either dtype; a factor is float32
 * [items, dim], one row for all rows of an item, or [1, dim], one for all.
 */
public final class Norms {
  /** Numbers of a matrix that are looked at together. */
  private static final int PIECE = 1024;

  private Norms() {}

  /**
   * How rows and factors lie.
   *
   * @param items in the matrices
   * @param rowsPerItem of each
   * @param dim a row's length, a multiple of the vector's
   * @param eps ε
   */
  public record Layout(int items, int rowsPerItem, int dim, float eps) {
    int rows() {
      return items * rowsPerItem;
    }

    /** Rows a piece. */
    int step() {
      return Math.max(1, PIECE / dim);
    }

    /** How many rows from this one on are a piece of their item. */
    int together(int row) {
      return Math.min(step(), rowsPerItem - row);
    }

    /** The first number of an item's row. */
    int place(int item, int row) {
      return (item * rowsPerItem + row) * dim;
    }

    Window pieces(Floats matrix) {
      return Window.on(matrix, step() * dim);
    }

    /** Shows an item's factor. */
    void read(Window factor, Floats of, int item) {
      factor.read(of.count() == dim ? 0 : item * dim, dim);
    }

    void require(Floats... matrices) {
      for (Floats m : matrices) {
        Fused.require(m, (long) rows() * dim);
      }
    }

    void requireFactor(Floats factor) {
      Fused.requireFloat32(factor, factor.count() == dim ? dim : (long) items * dim);
    }
  }

  /**
   * {@code y = f ⊙ r x}.
   *
   * @param r written: 1/rms of each row, [rows]
   */
  public static void forward(Layout l, Floats x, Floats f, Floats y, Floats r) {
    norm(l, x, f, y, r, true);
  }

  /** {@code y = f ⊙ r x} again, with the r that {@link #forward} left. */
  public static void again(Layout l, Floats x, Floats r, Floats f, Floats y) {
    norm(l, x, f, y, r, false);
  }

  private static void norm(Layout l, Floats x, Floats f, Floats y, Floats r, boolean fresh) {
    l.require(x, y);
    l.requireFactor(f);
    Fused.requireFloat32(r, l.rows());
    int dim = l.dim();
    Window xs = l.pieces(x);
    Window ys = l.pieces(y);
    Window fs = Window.on(f, dim);
    Window rs = Window.on(r, l.rowsPerItem());
    float[] sums = Lanes.room(l.step());
    for (int item = 0; item < l.items(); item++) {
      l.read(fs, f, item);
      rs.read(item * l.rowsPerItem(), l.rowsPerItem());
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.place(item, row), count * dim);
        if (fresh) {
          inverseRms(xs.floats, count, dim, l.eps(), rs.floats, row, sums);
        }
        scaleRows(xs.floats, count, dim, rs.floats, row, fs.floats, ys.floats);
        ys.write(l.place(item, row), count * dim);
      }
      if (fresh) {
        rs.write(item * l.rowsPerItem(), l.rowsPerItem());
      }
    }
  }

  /**
   * {@code y = x + g ⊙ r o}: a sub-layer's answer o, normed and gated, joins the stream.
   *
   * @param y may be x itself
   * @param r written: 1/rms of each row of o, [rows]
   */
  public static void join(Layout l, Floats x, Floats o, Floats g, Floats y, Floats r) {
    l.require(x, o, y);
    l.requireFactor(g);
    Fused.requireFloat32(r, l.rows());
    int dim = l.dim();
    Window xs = l.pieces(x);
    Window os = l.pieces(o);
    Window ys = l.pieces(y);
    Window gs = Window.on(g, dim);
    Window rs = Window.on(r, l.rowsPerItem());
    float[] sums = Lanes.room(l.step());
    for (int item = 0; item < l.items(); item++) {
      l.read(gs, g, item);
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        xs.read(l.place(item, row), count * dim);
        os.read(l.place(item, row), count * dim);
        inverseRms(os.floats, count, dim, l.eps(), rs.floats, row, sums);
        joinRows(xs.floats, os.floats, count, dim, rs.floats, row, gs.floats, ys.floats);
        ys.write(l.place(item, row), count * dim);
      }
      rs.write(item * l.rowsPerItem(), l.rowsPerItem());
    }
  }

  /**
   * The gradient of {@code y = f ⊙ r x}: with {@code e = f ⊙ dy},
   *
   * <pre>
   *   dx = r (e − r² x mean(e ⊙ x)),   df = Σ over an item's rows of r x ⊙ dy
   * </pre>
   *
   * @param r as {@link #forward} or {@link #join} left it
   * @param add whether dx is added to what is there
   * @param df [items, dim], added to
   */
  public static void backward(
      Layout l, Floats x, Floats r, Floats f, Floats dy, Floats dx, boolean add, Floats df) {
    l.require(x, dy, dx);
    l.requireFactor(f);
    Fused.requireFloat32(r, l.rows());
    Fused.requireFloat32(df, (long) l.items() * l.dim());
    int dim = l.dim();
    Window xs = l.pieces(x);
    Window dys = l.pieces(dy);
    Window dxs = l.pieces(dx);
    Window fs = Window.on(f, dim);
    Window dfs = Window.on(df, dim);
    Window rs = Window.on(r, l.rowsPerItem());
    float[] sums = Lanes.room(l.step());
    for (int item = 0; item < l.items(); item++) {
      l.read(fs, f, item);
      dfs.read(item * dim, dim);
      rs.read(item * l.rowsPerItem(), l.rowsPerItem());
      for (int row = 0; row < l.rowsPerItem(); row += l.step()) {
        int count = l.together(row);
        int place = l.place(item, row);
        xs.read(place, count * dim);
        dys.read(place, count * dim);
        if (add) {
          dxs.read(place, count * dim);
        }
        dotRows(xs.floats, dys.floats, count, dim, rs.floats, row, fs.floats, dfs.floats, sums);
        Lanes.sumRows(sums, count);
        if (add) {
          addRows(xs.floats, dys.floats, count, dim, rs.floats, row, fs.floats, dxs.floats, sums);
        } else {
          pullRows(xs.floats, dys.floats, count, dim, rs.floats, row, fs.floats, dxs.floats, sums);
        }
        dxs.write(place, count * dim);
      }
      dfs.write(item * dim, dim);
    }
  }

  /**
   * 1/√(mean(x²) + ε) of some rows.
   *
   * @param r written, from {@code at} on
   * @param sums room for as many rows
   */
  static void inverseRms(float[] x, int rows, int dim, float eps, float[] r, int at, float[] sums) {
    squareRows(x, rows, dim, sums);
    Lanes.sumRows(sums, rows);
    for (int i = 0; i < rows; i++) {
      r[at + i] = 1 / (float) Math.sqrt(sums[i] / dim + eps);
    }
  }

  private static void squareRows(float[] x, int rows, int dim, float[] sums) {
    int pairs = dim / (2 * Lanes.WIDTH) * (2 * Lanes.WIDTH);
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      FloatVector a = Lanes.zero();
      FloatVector b = Lanes.zero();
      for (int i = 0; i < pairs; i += 2 * Lanes.WIDTH) {
        FloatVector v = Lanes.load(x, at + i);
        FloatVector w = Lanes.load(x, at + i + Lanes.WIDTH);
        a = v.fma(v, a);
        b = w.fma(w, b);
      }
      if (pairs < dim) {
        FloatVector v = Lanes.load(x, at + pairs);
        a = v.fma(v, a);
      }
      Lanes.store(a.add(b), sums, row * Lanes.WIDTH);
    }
  }

  private static void scaleRows(
      float[] x, int rows, int dim, float[] r, int first, float[] f, float[] y) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        Lanes.store(Lanes.load(x, at + i).mul(s).mul(Lanes.load(f, i)), y, at + i);
      }
    }
  }

  private static void joinRows(
      float[] x, float[] o, int rows, int dim, float[] r, int first, float[] g, float[] y) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector normed = Lanes.load(o, at + i).mul(s);
        Lanes.store(normed.fma(Lanes.load(g, i), Lanes.load(x, at + i)), y, at + i);
      }
    }
  }

  /** Σ f ⊙ dy ⊙ x of each row, by lane; df += r x ⊙ dy on the way. */
  static void dotRows(
      float[] x,
      float[] dy,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      float[] df,
      float[] sums) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      FloatVector sum = Lanes.zero();
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector product = Lanes.load(x, at + i).mul(Lanes.load(dy, at + i));
        sum = product.fma(Lanes.load(f, i), sum);
        Lanes.store(product.mul(s).add(Lanes.load(df, i)), df, i);
      }
      Lanes.store(sum, sums, row * Lanes.WIDTH);
    }
  }

  /** dx = r f ⊙ dy − c x. */
  static void pullRows(
      float[] x,
      float[] dy,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      float[] dx,
      float[] dots) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      float c = s * s * s * (dots[row] / dim);
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector e = Lanes.load(dy, at + i).mul(Lanes.load(f, i)).mul(s);
        Lanes.store(e.sub(Lanes.load(x, at + i).mul(c)), dx, at + i);
      }
    }
  }

  /** dx += r f ⊙ dy − c x. */
  private static void addRows(
      float[] x,
      float[] dy,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      float[] dx,
      float[] dots) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      float c = s * s * s * (dots[row] / dim);
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector e = Lanes.load(dy, at + i).mul(Lanes.load(f, i)).mul(s);
        FloatVector v = e.sub(Lanes.load(x, at + i).mul(c));
        Lanes.store(v.add(Lanes.load(dx, at + i)), dx, at + i);
      }
    }
  }
}
