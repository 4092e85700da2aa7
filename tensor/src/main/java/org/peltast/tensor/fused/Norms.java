package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/**
 * Root-mean-square norms with a factor, {@code y = f ⊙ r x} with {@code r = 1/√(mean(x²) + ε)}, and
 * what stands around them in a transformer block, a row at a time while it is in the nearest cache.
 *
 * <p>Rows are those of a matrix [items · rowsPerItem, dim]; a factor is [items, dim], one row for
 * all rows of an item, or [1, dim], one for all.
 */
public final class Norms {
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

    int stride(Floats factor) {
      return factor.count() == dim ? 0 : dim * Float.BYTES;
    }

    void require(Floats... matrices) {
      for (Floats m : matrices) {
        Fused.require(m, (long) rows() * dim);
      }
    }

    void requireFactor(Floats factor) {
      if (factor.count() != dim) {
        Fused.require(factor, (long) items * dim);
      }
    }
  }

  /**
   * {@code y = f ⊙ r x}.
   *
   * @param r written: 1/rms of each row, [rows]
   */
  public static void forward(Layout l, Floats x, Floats f, Floats y, Floats r) {
    l.require(x, y);
    l.requireFactor(f);
    Fused.require(r, l.rows());
    int width = l.dim() * Float.BYTES;
    int stride = l.stride(f);
    for (int row = 0; row < l.rows(); row++) {
      int at = row * width;
      float s = 1 / squareRow(x.memory(), at, l.dim(), l.eps());
      r.bytes().putFloat(row * Float.BYTES, s);
      scaleRow(
          x.memory(), at, s, f.memory(), row / l.rowsPerItem() * stride, y.memory(), at, width);
    }
  }

  /** {@code y = f ⊙ r x} again, with the r that {@link #forward} left. */
  public static void again(Layout l, Floats x, Floats r, Floats f, Floats y) {
    l.require(x, y);
    l.requireFactor(f);
    Fused.require(r, l.rows());
    int width = l.dim() * Float.BYTES;
    int stride = l.stride(f);
    for (int row = 0; row < l.rows(); row++) {
      int at = row * width;
      float s = r.bytes().getFloat(row * Float.BYTES);
      scaleRow(
          x.memory(), at, s, f.memory(), row / l.rowsPerItem() * stride, y.memory(), at, width);
    }
  }

  /**
   * {@code y = x + g ⊙ r o}: a sub-layer's answer o, normed and gated, joins the stream.
   *
   * @param r written: 1/rms of each row of o, [rows]
   */
  public static void join(Layout l, Floats x, Floats o, Floats g, Floats y, Floats r) {
    l.require(x, o, y);
    l.requireFactor(g);
    Fused.require(r, l.rows());
    int width = l.dim() * Float.BYTES;
    int stride = l.stride(g);
    for (int row = 0; row < l.rows(); row++) {
      int at = row * width;
      float s = 1 / squareRow(o.memory(), at, l.dim(), l.eps());
      r.bytes().putFloat(row * Float.BYTES, s);
      joinRow(
          x.memory(),
          o.memory(),
          at,
          s,
          g.memory(),
          row / l.rowsPerItem() * stride,
          y.memory(),
          width);
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
    Fused.require(r, l.rows());
    Fused.require(df, (long) l.items() * l.dim());
    int width = l.dim() * Float.BYTES;
    int stride = l.stride(f);
    for (int row = 0; row < l.rows(); row++) {
      int at = row * width;
      int item = row / l.rowsPerItem();
      float s = r.bytes().getFloat(row * Float.BYTES);
      float mean =
          dotRow(
                  x.memory(),
                  dy.memory(),
                  at,
                  s,
                  f.memory(),
                  item * stride,
                  df.memory(),
                  item * width,
                  width)
              / l.dim();
      pullRow(
          x.memory(),
          dy.memory(),
          at,
          s,
          s * s * s * mean,
          f.memory(),
          item * stride,
          dx.memory(),
          add,
          width);
    }
  }

  static float squareRow(Object x, int at, int dim, float eps) {
    FloatVector a = Lanes.zero();
    FloatVector b = Lanes.zero();
    int end = at + dim * Float.BYTES;
    int i = at;
    for (; i + Lanes.STEP < end; i += 2 * Lanes.STEP) {
      FloatVector v = Lanes.load(x, i);
      FloatVector w = Lanes.load(x, i + Lanes.STEP);
      a = v.fma(v, a);
      b = w.fma(w, b);
    }
    if (i < end) {
      FloatVector v = Lanes.load(x, i);
      a = v.fma(v, a);
    }
    return (float) Math.sqrt(Lanes.sum(a.add(b)) / dim + eps);
  }

  private static void scaleRow(
      Object x, int at, float s, Object f, int fAt, Object y, int yAt, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      Lanes.store(Lanes.load(x, at + i).mul(s).mul(Lanes.load(f, fAt + i)), y, yAt + i);
    }
  }

  private static void joinRow(
      Object x, Object o, int at, float s, Object g, int gAt, Object y, int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector gated = Lanes.load(o, at + i).mul(s);
      Lanes.store(gated.fma(Lanes.load(g, gAt + i), Lanes.load(x, at + i)), y, at + i);
    }
  }

  /** Σ f ⊙ dy ⊙ x over a row; df += r x ⊙ dy on the way. */
  private static float dotRow(
      Object x, Object dy, int at, float s, Object f, int fAt, Object df, int dfAt, int width) {
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector product = Lanes.load(x, at + i).mul(Lanes.load(dy, at + i));
      sum = product.fma(Lanes.load(f, fAt + i), sum);
      Lanes.store(product.mul(s).add(Lanes.load(df, dfAt + i)), df, dfAt + i);
    }
    return Lanes.sum(sum);
  }

  /** dx (+)= r f ⊙ dy − c x. */
  private static void pullRow(
      Object x,
      Object dy,
      int at,
      float s,
      float c,
      Object f,
      int fAt,
      Object dx,
      boolean add,
      int width) {
    for (int i = 0; i < width; i += Lanes.STEP) {
      FloatVector e = Lanes.load(dy, at + i).mul(Lanes.load(f, fAt + i)).mul(s);
      FloatVector v = e.sub(Lanes.load(x, at + i).mul(c));
      Lanes.store(add ? v.add(Lanes.load(dx, at + i)) : v, dx, at + i);
    }
  }
}
