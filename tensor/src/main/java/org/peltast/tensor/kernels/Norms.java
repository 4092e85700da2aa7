package org.peltast.tensor.kernels;

import jdk.incubator.vector.FloatVector;
import org.peltast.tensor.HostBuffer;

/**
 * What stands between the sub-layers of a transformer block: a sub-layer's answer o, normed and
 * gated, joins the stream x, and the stream, normed and scaled, is what the next sub-layer reads,
 *
 * <pre>
 *   x ← x + g ⊙ r o        n = f ⊙ r x        r = 1/√(mean(·²) + ε) of each row
 * </pre>
 *
 * <p>Each of the two, and of their gradients, is a {@link Kernel}: it does its part of some rows,
 * and {@link Layout#pass} leads several over the rows together, so that a row is worked on from
 * first to last while it is in the nearest cache.
 *
 * <p>The stream and its gradient are arrays of Java's, as no product reads them; answers and normed
 * rows are matrices in kept memory, float32 or bfloat16.
 */
public final class Norms {
  /** Numbers of a matrix that are looked at together. */
  private static final int PIECE = 1024;

  private Norms() {}

  /** Something that is done to some rows of an item. */
  public interface Kernel {
    /** Does it to the rows from one on, a piece of the layout at most. */
    void work(int item, int row, int count);

    /** This and then another. */
    default Kernel then(Kernel next) {
      return (item, row, count) -> {
        work(item, row, count);
        next.work(item, row, count);
      };
    }
  }

  /**
   * How rows lie: those of the stream in an array [items, rowsOfItem, dim], of which the first of
   * each item are looked at; those of the matrices beside it one after another, [items · rows,
   * dim].
   *
   * @param items in both
   * @param rows of each item that are looked at
   * @param rowsOfItem in the stream
   * @param dim a row's length, a multiple of the vector's
   * @param eps ε
   */
  public record Layout(int items, int rows, int rowsOfItem, int dim, float eps) {
    /** Leads kernels over all rows, a few rows at a time. */
    public void pass(Kernel... kernels) {
      for (int item = 0; item < items; item++) {
        for (int row = 0; row < rows; row += step()) {
          int count = Math.min(step(), rows - row);
          for (Kernel kernel : kernels) {
            kernel.work(item, row, count);
          }
        }
      }
    }

    /** Rows a piece. */
    private int step() {
      return Math.max(1, PIECE / dim);
    }

    /** The number of a row among those of the matrices. */
    private int number(int item, int row) {
      return item * rows + row;
    }

    /** The first number of a row in a matrix. */
    private int place(int item, int row) {
      return number(item, row) * dim;
    }

    /** The first number of a row in the stream. */
    private int inStream(int item, int row) {
      return (item * rowsOfItem + row) * dim;
    }

    private RowBuffer pieces(HostBuffer matrix) {
      Fused.require(matrix, (long) items * rows * dim);
      return RowBuffer.on(matrix, step() * dim);
    }

    private void requireStream(float[] stream) {
      if (rows > rowsOfItem || stream.length < (long) items * rowsOfItem * dim) {
        throw new IllegalArgumentException(
            "a kernel was given a stream of " + stream.length + " numbers for " + this);
      }
    }

    private void require(Factor factor, float[] r) {
      factor.require(items, dim);
      if (r.length < items * rows) {
        throw new IllegalArgumentException(
            "a kernel was given room for " + r.length + " norms for " + this);
      }
    }

    private void requireGradient(Factor gradient) {
      if (gradient != Factor.NONE) {
        gradient.require(items, dim);
        Factor.count();
      }
    }
  }

  /**
   * {@code x ← x + g ⊙ r o}.
   *
   * @param x the stream
   * @param r written: 1/rms of each row of o, [items · rows]
   */
  public static Kernel join(Layout l, float[] x, HostBuffer o, Factor g, float[] r) {
    l.requireStream(x);
    l.require(g, r);
    RowBuffer os = l.pieces(o);
    float[] sums = Lanes.room(l.step());
    return (item, row, count) -> {
      os.read(l.place(item, row), count * l.dim());
      int number = l.number(item, row);
      inverseRms(os.floats, 0, count, l.dim(), l.eps(), r, number, sums);
      joinRows(
          x, l.inStream(item, row), os.floats, count, l.dim(), r, number, g.values, g.at(item));
    };
  }

  /** Writes the stream's rows to kept memory. */
  public static Kernel keep(Layout l, float[] x, HostBuffer to) {
    l.requireStream(x);
    Fused.requireFloat32(to, (long) l.items() * l.rows() * l.dim());
    return (item, row, count) ->
        to.put(l.place(item, row), x, l.inStream(item, row), count * l.dim());
  }

  /**
   * {@code n = f ⊙ r x}.
   *
   * @param x the stream
   * @param n written
   * @param r written: 1/rms of each row of x, [items · rows]
   */
  public static Kernel norm(Layout l, float[] x, Factor f, HostBuffer n, float[] r) {
    l.requireStream(x);
    l.require(f, r);
    RowBuffer ns = l.pieces(n);
    float[] sums = Lanes.room(l.step());
    return (item, row, count) -> {
      int at = l.inStream(item, row);
      int number = l.number(item, row);
      inverseRms(x, at, count, l.dim(), l.eps(), r, number, sums);
      scaleRows(x, at, count, l.dim(), r, number, f.values, f.at(item), ns.floats);
      ns.write(l.place(item, row), count * l.dim());
    };
  }

  /**
   * {@code n = f ⊙ r x} again.
   *
   * @param x the stream as it was then, float32, kept by {@link #keep}
   * @param r as {@link #norm} left it
   * @param n written
   */
  public static Kernel again(Layout l, HostBuffer x, float[] r, Factor f, HostBuffer n) {
    l.require(f, r);
    RowBuffer xs = l.pieces(x);
    RowBuffer ns = l.pieces(n);
    return (item, row, count) -> {
      int number = l.number(item, row);
      xs.read(l.place(item, row), count * l.dim());
      scaleRows(xs.floats, 0, count, l.dim(), r, number, f.values, f.at(item), ns.floats);
      ns.write(l.place(item, row), count * l.dim());
    };
  }

  /**
   * The gradient of {@link #norm}: with {@code e = f ⊙ dn},
   *
   * <pre>
   *   dx ← dx + r (e − r² x mean(e ⊙ x)),   df ← df + Σ over an item's rows of r x ⊙ dn
   * </pre>
   *
   * @param dx the gradient by the stream, to which it is added
   * @param x the stream as it was then, float32, kept by {@link #keep}
   * @param r as {@link #norm} left it
   * @param df added to, or {@link Factor#NONE}
   */
  public static Kernel normBack(
      Layout l, float[] dx, HostBuffer x, float[] r, Factor f, HostBuffer dn, Factor df) {
    l.requireStream(dx);
    l.require(f, r);
    l.requireGradient(df);
    RowBuffer xs = l.pieces(x);
    RowBuffer dns = l.pieces(dn);
    float[] dots = Lanes.room(l.step());
    return (item, row, count) -> {
      int dim = l.dim();
      int number = l.number(item, row);
      xs.read(l.place(item, row), count * dim);
      dns.read(l.place(item, row), count * dim);
      if (df == Factor.NONE) {
        dotRows(xs.floats, dns.floats, 0, count, dim, f.values, f.at(item), dots);
      } else {
        dotRows(
            xs.floats,
            dns.floats,
            0,
            count,
            dim,
            r,
            number,
            f.values,
            f.at(item),
            df.values,
            df.at(item),
            dots);
      }
      Lanes.sumRows(dots, count);
      addRows(
          xs.floats,
          dns.floats,
          count,
          dim,
          r,
          number,
          f.values,
          f.at(item),
          dx,
          l.inStream(item, row),
          dots);
    };
  }

  /**
   * The gradient of {@link #join}, by the answer: with {@code e = g ⊙ dx},
   *
   * <pre>
   *   do = r (e − r² o mean(e ⊙ o)),   dg ← dg + Σ over an item's rows of r o ⊙ dx
   * </pre>
   *
   * <p>By the stream before it is dx itself.
   *
   * @param r as {@link #join} left it
   * @param answers written: do
   * @param dg added to, or {@link Factor#NONE}
   */
  public static Kernel joinBack(
      Layout l, float[] dx, HostBuffer o, float[] r, Factor g, HostBuffer answers, Factor dg) {
    l.requireStream(dx);
    l.require(g, r);
    l.requireGradient(dg);
    RowBuffer os = l.pieces(o);
    RowBuffer dos = l.pieces(answers);
    float[] dots = Lanes.room(l.step());
    return (item, row, count) -> {
      int dim = l.dim();
      int number = l.number(item, row);
      int at = l.inStream(item, row);
      os.read(l.place(item, row), count * dim);
      if (dg == Factor.NONE) {
        dotRows(os.floats, dx, at, count, dim, g.values, g.at(item), dots);
      } else {
        dotRows(
            os.floats,
            dx,
            at,
            count,
            dim,
            r,
            number,
            g.values,
            g.at(item),
            dg.values,
            dg.at(item),
            dots);
      }
      Lanes.sumRows(dots, count);
      pullRows(os.floats, dx, at, count, dim, r, number, g.values, g.at(item), dos.floats, dots);
      dos.write(l.place(item, row), count * dim);
    };
  }

  // ------------------------------------------------------------------ loops

  /**
   * 1/√(mean(x²) + ε) of some rows.
   *
   * @param r written, from {@code first} on
   * @param sums room for as many rows
   */
  static void inverseRms(
      float[] x, int from, int rows, int dim, float eps, float[] r, int first, float[] sums) {
    squareRows(x, from, rows, dim, sums);
    Lanes.sumRows(sums, rows);
    for (int i = 0; i < rows; i++) {
      r[first + i] = 1 / (float) Math.sqrt(sums[i] / dim + eps);
    }
  }

  private static void squareRows(float[] x, int from, int rows, int dim, float[] sums) {
    int fours = dim / (4 * Lanes.WIDTH) * (4 * Lanes.WIDTH);
    for (int row = 0; row < rows; row++) {
      int at = from + row * dim;
      FloatVector a = Lanes.zero(); // four sums, as one would wait for itself
      FloatVector b = Lanes.zero();
      FloatVector c = Lanes.zero();
      FloatVector d = Lanes.zero();
      for (int i = at; i < at + fours; i += 4 * Lanes.WIDTH) {
        FloatVector v = Lanes.load(x, i);
        FloatVector w = Lanes.load(x, i + Lanes.WIDTH);
        a = v.fma(v, a);
        b = w.fma(w, b);
        v = Lanes.load(x, i + 2 * Lanes.WIDTH);
        w = Lanes.load(x, i + 3 * Lanes.WIDTH);
        c = v.fma(v, c);
        d = w.fma(w, d);
      }
      for (int i = at + fours; i < at + dim; i += Lanes.WIDTH) {
        FloatVector v = Lanes.load(x, i);
        a = v.fma(v, a);
      }
      Lanes.store(a.add(b).add(c.add(d)), sums, row * Lanes.WIDTH);
    }
  }

  /** y = r f ⊙ x. */
  private static void scaleRows(
      float[] x,
      int from,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      int factor,
      float[] y) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector normed = Lanes.load(x, from + at + i).mul(s);
        Lanes.store(normed.mul(Lanes.load(f, factor + i)), y, at + i);
      }
    }
  }

  /** x ← x + r g ⊙ o. */
  private static void joinRows(
      float[] x,
      int to,
      float[] o,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] g,
      int factor) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector normed = Lanes.load(o, at + i).mul(s);
        FloatVector sum = normed.fma(Lanes.load(g, factor + i), Lanes.load(x, to + at + i));
        Lanes.store(sum, x, to + at + i);
      }
    }
  }

  /**
   * Σ f ⊙ dy ⊙ x of each row, by lane; df += r x ⊙ dy on the way.
   *
   * @param from where dy's rows begin
   */
  static void dotRows(
      float[] x,
      float[] dy,
      int from,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      int factor,
      float[] df,
      int gradient,
      float[] sums) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      FloatVector sum = Lanes.zero();
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector product = Lanes.load(x, at + i).mul(Lanes.load(dy, from + at + i));
        sum = product.fma(Lanes.load(f, factor + i), sum);
        Lanes.store(product.mul(s).add(Lanes.load(df, gradient + i)), df, gradient + i);
      }
      Lanes.store(sum, sums, row * Lanes.WIDTH);
    }
  }

  /**
   * Σ f ⊙ dy ⊙ x of each row, by lane.
   *
   * @param from where dy's rows begin
   */
  static void dotRows(
      float[] x, float[] dy, int from, int rows, int dim, float[] f, int factor, float[] sums) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      FloatVector sum = Lanes.zero();
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector product = Lanes.load(x, at + i).mul(Lanes.load(dy, from + at + i));
        sum = product.fma(Lanes.load(f, factor + i), sum);
      }
      Lanes.store(sum, sums, row * Lanes.WIDTH);
    }
  }

  /**
   * dx = r f ⊙ dy − c x.
   *
   * @param from where dy's rows begin
   */
  static void pullRows(
      float[] x,
      float[] dy,
      int from,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      int factor,
      float[] dx,
      float[] dots) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      float c = s * s * s * (dots[row] / dim);
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector e = Lanes.load(dy, from + at + i).mul(Lanes.load(f, factor + i)).mul(s);
        Lanes.store(e.sub(Lanes.load(x, at + i).mul(c)), dx, at + i);
      }
    }
  }

  /**
   * dx += r f ⊙ dy − c x.
   *
   * @param to where dx's rows begin
   */
  private static void addRows(
      float[] x,
      float[] dy,
      int rows,
      int dim,
      float[] r,
      int first,
      float[] f,
      int factor,
      float[] dx,
      int to,
      float[] dots) {
    for (int row = 0; row < rows; row++) {
      int at = row * dim;
      float s = r[first + row];
      float c = s * s * s * (dots[row] / dim);
      for (int i = 0; i < dim; i += Lanes.WIDTH) {
        FloatVector e = Lanes.load(dy, at + i).mul(Lanes.load(f, factor + i)).mul(s);
        FloatVector v = e.sub(Lanes.load(x, at + i).mul(c));
        Lanes.store(v.add(Lanes.load(dx, to + at + i)), dx, to + at + i);
      }
    }
  }
}
