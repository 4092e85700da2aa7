package org.peltast.tensor.fused;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.Floats;

/**
 * Root-mean-square norms with a factor, {@code y = f ⊙ r x} with {@code r = 1/√(mean(x²) + ε)}, and
 * what stands around them in a transformer block, a row at a time while it is in the nearest cache.
 *
 * <p>Rows are those of a matrix [items · rowsPerItem, dim] in either dtype; a factor is float32
 * [items, dim], one row for all rows of an item, or [1, dim], one for all.
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
      Fused.requireFloat32(factor, factor.count() == dim ? dim : (long) items * dim);
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
    Fused.requireFloat32(r, l.rows());
    int dim = l.dim();
    int stride = l.stride(f);
    Window xs = Window.on(x, dim);
    Window ys = Window.on(y, dim);
    for (int row = 0; row < l.rows(); row++) {
      int xAt = xs.read(row * dim, dim);
      float s = 1 / squareRow(xs.memory, xAt, dim, l.eps());
      r.bytes().putFloat(row * Float.BYTES, s);
      int fAt = row / l.rowsPerItem() * stride;
      scaleRow(
          xs.memory, xAt, s, f.memory(), fAt, ys.memory, ys.open(row * dim), dim * Float.BYTES);
      ys.write(row * dim, dim);
    }
  }

  /** {@code y = f ⊙ r x} again, with the r that {@link #forward} left. */
  public static void again(Layout l, Floats x, Floats r, Floats f, Floats y) {
    l.require(x, y);
    l.requireFactor(f);
    Fused.requireFloat32(r, l.rows());
    int dim = l.dim();
    int stride = l.stride(f);
    Window xs = Window.on(x, dim);
    Window ys = Window.on(y, dim);
    for (int row = 0; row < l.rows(); row++) {
      int xAt = xs.read(row * dim, dim);
      float s = r.bytes().getFloat(row * Float.BYTES);
      int fAt = row / l.rowsPerItem() * stride;
      scaleRow(
          xs.memory, xAt, s, f.memory(), fAt, ys.memory, ys.open(row * dim), dim * Float.BYTES);
      ys.write(row * dim, dim);
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
    Fused.requireFloat32(r, l.rows());
    int dim = l.dim();
    int stride = l.stride(g);
    Window xs = Window.on(x, dim);
    Window os = Window.on(o, dim);
    Window ys = Window.on(y, dim);
    for (int row = 0; row < l.rows(); row++) {
      int oAt = os.read(row * dim, dim);
      float s = 1 / squareRow(os.memory, oAt, dim, l.eps());
      r.bytes().putFloat(row * Float.BYTES, s);
      joinRow(
          xs.memory,
          xs.read(row * dim, dim),
          os.memory,
          oAt,
          s,
          g.memory(),
          row / l.rowsPerItem() * stride,
          ys.memory,
          ys.open(row * dim),
          dim * Float.BYTES);
      ys.write(row * dim, dim);
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
    int width = dim * Float.BYTES;
    int stride = l.stride(f);
    Window xs = Window.on(x, dim);
    Window dys = Window.on(dy, dim);
    Window dxs = Window.on(dx, dim);
    for (int row = 0; row < l.rows(); row++) {
      int item = row / l.rowsPerItem();
      int fAt = item * stride;
      int xAt = xs.read(row * dim, dim);
      int dyAt = dys.read(row * dim, dim);
      int dxAt = add ? dxs.read(row * dim, dim) : dxs.open(row * dim);
      float s = r.bytes().getFloat(row * Float.BYTES);
      float dot =
          dotRow(
              xs.memory,
              xAt,
              dys.memory,
              dyAt,
              s,
              f.memory(),
              fAt,
              df.memory(),
              item * width,
              width);
      float c = s * s * s * (dot / dim);
      pullRow(
          xs.memory, xAt, dys.memory, dyAt, s, c, f.memory(), fAt, dxs.memory, dxAt, add, width);
      dxs.write(row * dim, dim);
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
    int toF = fAt - at;
    int toY = yAt - at;
    for (int i = at; i < at + width; i += Lanes.STEP) {
      Lanes.store(Lanes.load(x, i).mul(s).mul(Lanes.load(f, i + toF)), y, i + toY);
    }
  }

  private static void joinRow(
      Object x,
      int xAt,
      Object o,
      int oAt,
      float s,
      Object g,
      int gAt,
      Object y,
      int yAt,
      int width) {
    int toO = oAt - xAt;
    int toG = gAt - xAt;
    int toY = yAt - xAt;
    for (int i = xAt; i < xAt + width; i += Lanes.STEP) {
      FloatVector gated = Lanes.load(o, i + toO).mul(s);
      Lanes.store(gated.fma(Lanes.load(g, i + toG), Lanes.load(x, i)), y, i + toY);
    }
  }

  /** Σ f ⊙ dy ⊙ x over a row; df += r x ⊙ dy on the way. */
  private static float dotRow(
      Object x,
      int xAt,
      Object dy,
      int dyAt,
      float s,
      Object f,
      int fAt,
      Object df,
      int dfAt,
      int width) {
    FloatVector sum = Lanes.zero();
    int toDy = dyAt - xAt;
    int toF = fAt - xAt;
    int toDf = dfAt - xAt;
    for (int i = xAt; i < xAt + width; i += Lanes.STEP) {
      FloatVector product = Lanes.load(x, i).mul(Lanes.load(dy, i + toDy));
      sum = product.fma(Lanes.load(f, i + toF), sum);
      Lanes.store(product.mul(s).add(Lanes.load(df, i + toDf)), df, i + toDf);
    }
    return Lanes.sum(sum);
  }

  /** dx (+)= r f ⊙ dy − c x. */
  private static void pullRow(
      Object x,
      int xAt,
      Object dy,
      int dyAt,
      float s,
      float c,
      Object f,
      int fAt,
      Object dx,
      int dxAt,
      boolean add,
      int width) {
    int toDy = dyAt - xAt;
    int toF = fAt - xAt;
    int toDx = dxAt - xAt;
    for (int i = xAt; i < xAt + width; i += Lanes.STEP) {
      FloatVector e = Lanes.load(dy, i + toDy).mul(Lanes.load(f, i + toF)).mul(s);
      FloatVector v = e.sub(Lanes.load(x, i).mul(c));
      Lanes.store(add ? v.add(Lanes.load(dx, i + toDx)) : v, dx, i + toDx);
    }
  }
}
