package org.peltast.tensor.kernels;

import jdk.incubator.vector.FloatVector;

/**
 * What time makes of the weights of norms: with the four quarters s₁, g₁, s₂, g₂ of a row m that
 * time gives,
 *
 * <pre>
 *   a = (1 + s₁, tanh(g₁), 1 + s₂, tanh(g₂))        f = w ⊙ a
 * </pre>
 */
public final class Modulations {
  private Modulations() {}

  /**
   * {@code a} in m's place.
   *
   * @param m [items, 4 · dim], a bias not yet added
   * @param bias [4 · dim]
   */
  public static void activate(float[] m, float[] bias) {
    int dim = bias.length / 4;
    requireWhole(m.length, bias.length, dim);
    for (int at = 0; at < m.length; at += bias.length) {
      for (int quarter = 0; quarter < 4; quarter++) {
        int from = at + quarter * dim;
        if (quarter % 2 == 0) {
          scaleRows(m, from, bias, quarter * dim, dim);
        } else {
          gateRows(m, from, bias, quarter * dim, dim);
        }
      }
    }
  }

  private static void scaleRows(float[] m, int from, float[] bias, int at, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector s = Lanes.load(m, from + i).add(Lanes.load(bias, at + i));
      Lanes.store(s.add(1f), m, from + i);
    }
  }

  /** tanh(g) = 1 − 2 / (e²ᵍ + 1). */
  private static void gateRows(float[] m, int from, float[] bias, int at, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector g = Lanes.load(m, from + i).add(Lanes.load(bias, at + i));
      FloatVector e = Lanes.exp(g.add(g));
      FloatVector two = FloatVector.broadcast(Lanes.SPECIES, 2f);
      Lanes.store(two.div(e.add(1f)).neg().add(1f), m, from + i);
    }
  }

  /**
   * {@code f = w ⊙ a}.
   *
   * @param a [items, 4 · dim]
   * @param quarter which of the four
   * @param w [dim]
   * @return [items, dim]
   */
  public static float[] factors(float[] a, int quarter, float[] w) {
    int dim = w.length;
    requireWhole(a.length, 4 * dim, dim);
    float[] f = new float[a.length / 4];
    for (int to = 0; to < f.length; to += dim) {
      productRows(a, 4 * to + quarter * dim, w, f, to, dim);
    }
    return f;
  }

  private static void productRows(float[] a, int from, float[] w, float[] f, int to, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      Lanes.store(Lanes.load(a, from + i).mul(Lanes.load(w, i)), f, to + i);
    }
  }

  /**
   * The gradient of {@link #factors} and of {@link #activate}: {@code dw += Σ df ⊙ a} over the
   * items, and {@code dm = df ⊙ w}, where a gate was times {@code 1 − a²}.
   *
   * @param a [items, 4 · dim]; in the quarter overwritten with dm
   * @param df [items, dim]
   * @param dw [dim], added to
   */
  public static void back(float[] a, int quarter, float[] w, float[] df, float[] dw) {
    int dim = w.length;
    requireWhole(a.length, 4 * dim, dim);
    if (df.length != a.length / 4 || dw.length != dim) {
      throw new IllegalArgumentException(
          "a kernel was given gradients of " + df.length + " and " + dw.length + " numbers");
    }
    for (int at = 0; at < df.length; at += dim) {
      int from = 4 * at + quarter * dim;
      if (quarter % 2 == 0) {
        scaleBackRows(a, from, w, df, at, dw, dim);
      } else {
        gateBackRows(a, from, w, df, at, dw, dim);
      }
    }
  }

  private static void scaleBackRows(
      float[] a, int from, float[] w, float[] df, int at, float[] dw, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector g = Lanes.load(df, at + i);
      Lanes.store(g.fma(Lanes.load(a, from + i), Lanes.load(dw, i)), dw, i);
      Lanes.store(g.mul(Lanes.load(w, i)), a, from + i);
    }
  }

  private static void gateBackRows(
      float[] a, int from, float[] w, float[] df, int at, float[] dw, int dim) {
    for (int i = 0; i < dim; i += Lanes.WIDTH) {
      FloatVector g = Lanes.load(df, at + i);
      FloatVector tanh = Lanes.load(a, from + i);
      Lanes.store(g.fma(tanh, Lanes.load(dw, i)), dw, i);
      FloatVector slope = tanh.mul(tanh).neg().add(1f);
      Lanes.store(g.mul(Lanes.load(w, i)).mul(slope), a, from + i);
    }
  }

  /** Σ over the rows of [n, width]. */
  public static float[] sum(float[] rows, int width) {
    requireWhole(rows.length, width, width);
    float[] sum = new float[width];
    for (int at = 0; at < rows.length; at += width) {
      addRows(rows, at, sum, width);
    }
    return sum;
  }

  private static void addRows(float[] rows, int from, float[] sum, int width) {
    for (int i = 0; i < width; i += Lanes.WIDTH) {
      Lanes.store(Lanes.load(sum, i).add(Lanes.load(rows, from + i)), sum, i);
    }
  }

  private static void requireWhole(int length, int row, int dim) {
    if (dim < 1 || dim % Lanes.WIDTH != 0 || length % row != 0) {
      throw new IllegalArgumentException(
          "a kernel was given " + length + " numbers for rows of " + row);
    }
  }
}
