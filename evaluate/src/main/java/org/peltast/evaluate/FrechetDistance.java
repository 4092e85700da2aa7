package org.peltast.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The squared 2-Wasserstein (Fréchet) distance of two Gaussians (Dowson and Landau, 1982),
 *
 * <pre>‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½).</pre>
 *
 * <p>The trace of the root is Σ √λᵢ over the eigenvalues of Σ₁^½ Σ₂ Σ₁^½. Those are also the
 * eigenvalues of the symmetric LᵀΣ₂L for <em>any</em> L with LLᵀ = Σ₁, so a Cholesky factor, which
 * costs next to nothing and exists for singular Σ₁ too, takes the place of the matrix root; nothing
 * complex can come of it, and no ridge is added. Eigenvalues that rounding makes negative count as
 * zero.
 *
 * <p>The sample estimate is biased upwards, by about d²/n of the features' scale: values are
 * comparable for equal numbers of pictures alone ({@link FrechetSample} removes that). It is a
 * distance over <em>the judge's</em> features ("Fréchet, emoji-clip"), not FID.
 */
public final class FrechetDistance {
  /** A pivot below this share of the largest variance is rounding, not variance. */
  private static final double PIVOT = 1e-12;

  private final GaussianStatistics reference;
  private final double[] factor; // L [d, d], lower triangular, LLᵀ = Σ of the reference

  /** Prepares distances to one reference, whose factor is computed once. */
  public FrechetDistance(GaussianStatistics reference) {
    this.reference = reference;
    this.factor = semidefiniteCholesky(reference.covariance(), reference.width());
  }

  /** The distance of two Gaussians. */
  public static double between(GaussianStatistics a, GaussianStatistics b) {
    return new FrechetDistance(a).to(b);
  }

  /** What distances are measured to. */
  public GaussianStatistics reference() {
    return reference;
  }

  /**
   * The distance from the reference, at least 0.
   *
   * @throws EvaluationException if the numbers of features differ
   */
  public double to(GaussianStatistics other) {
    int d = reference.width();
    requireWidth(other.width());
    double[] m = reference.mean();
    double[] n = other.mean();
    double means = 0;
    for (int j = 0; j < d; j++) {
      means += (m[j] - n[j]) * (m[j] - n[j]);
    }
    double distance =
        means + reference.trace() + other.trace() - 2 * traceOfRoot(other.covariance(), d);
    return Math.max(0, distance);
  }

  /** The distance of a set of pictures from the reference. */
  public double to(FeatureTable features) {
    return to(GaussianStatistics.of(features));
  }

  /**
   * Sums over pictures x of what the distance needs, about the reference's mean μ and in the
   * coordinates y = Lᵀ(x − μ), in which LᵀSL is the covariance: sums of sets add up to those of
   * their union, so that parts of a sample cost no second pass over it.
   *
   * @param count of pictures
   * @param shift Σ (x − μ), [d]
   * @param squares Σ ‖x − μ‖²
   * @param sum Σ y, [d]
   * @param products Σ y yᵀ, [d · d], the lower triangle
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody, changed by nobody
  record Moments(int count, double[] shift, double squares, double[] sum, double[] products) {
    /** Those of the pictures that are not the other's, which are all among these. */
    Moments minus(Moments other) {
      return plus(other, -1);
    }

    private Moments plus(Moments other, int sign) {
      return new Moments(
          count + sign * other.count,
          plus(shift, other.shift, sign),
          squares + sign * other.squares,
          plus(sum, other.sum, sign),
          plus(products, other.products, sign));
    }

    private static double[] plus(double[] a, double[] b, int sign) {
      double[] all = a.clone();
      for (int i = 0; i < all.length; i++) {
        all[i] += sign * b[i];
      }
      return all;
    }
  }

  /** The sums over some rows of a table. */
  Moments moments(FeatureTable features, int... rows) {
    int d = reference.width();
    requireWidth(features.width());
    double[] mean = reference.mean();
    double[] shift = new double[d];
    double[] sum = new double[d];
    double[] products = new double[d * d];
    double[] x = new double[d];
    double[] y = new double[d];
    double squares = 0;
    for (int row : rows) {
      Arrays.fill(y, 0);
      for (int k = 0; k < d; k++) {
        x[k] = features.at(row, k) - mean[k];
        shift[k] += x[k];
        squares += x[k] * x[k];
        for (int i = 0; i <= k; i++) { // L's rows end at the diagonal
          y[i] += factor[k * d + i] * x[k];
        }
      }
      for (int i = 0; i < d; i++) {
        sum[i] += y[i];
        for (int j = 0; j <= i; j++) {
          products[i * d + j] += y[i] * y[j];
        }
      }
    }
    return new Moments(rows.length, shift, squares, sum, products);
  }

  /** The sums over several sets of pictures together; one set or more. */
  static Moments sum(Moments... parts) {
    Moments all = parts[0];
    for (int i = 1; i < parts.length; i++) {
      all = all.plus(parts[i], 1);
    }
    return all;
  }

  /** The distance of the pictures that sums are over, two or more. */
  double to(Moments moments) {
    return to(List.of(moments))[0];
  }

  /** The distance of each of several sets, whose eigenvalue problems are solved together. */
  double[] to(List<Moments> sets) {
    int d = reference.width();
    double[] distances = new double[sets.size()];
    double[] covariances = new double[sets.size() * d * d];
    for (int s = 0; s < distances.length; s++) {
      Moments m = sets.get(s);
      double n = m.count();
      double means = 0;
      for (int i = 0; i < d; i++) {
        means += m.shift()[i] / n * (m.shift()[i] / n);
        for (int j = 0; j <= i; j++) {
          double c = (m.products()[i * d + j] - m.sum()[i] * m.sum()[j] / n) / (n - 1);
          covariances[(s * d + i) * d + j] = c;
          covariances[(s * d + j) * d + i] = c;
        }
      }
      distances[s] = means + reference.trace() + (m.squares() - n * means) / (n - 1);
    }
    double[] roots = rootTraces(covariances, distances.length, d);
    for (int s = 0; s < distances.length; s++) {
      distances[s] = Math.max(0, distances[s] - 2 * roots[s]);
    }
    return distances;
  }

  private void requireWidth(int width) {
    if (width != reference.width()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The Fréchet distance needs features of one network, but one side has %d and the"
                  + " other %d.",
              reference.width(),
              width));
    }
  }

  /** Σ √λ(LᵀSL). */
  private double traceOfRoot(double[] s, int d) {
    double[] sl = new double[d * d]; // SL; L's rows end at the diagonal
    for (int i = 0; i < d; i++) {
      for (int k = 0; k < d; k++) {
        double v = s[i * d + k];
        for (int j = 0; j <= k; j++) {
          sl[i * d + j] += v * factor[k * d + j];
        }
      }
    }
    double[] product = new double[d * d]; // LᵀSL
    for (int k = 0; k < d; k++) {
      for (int i = 0; i <= k; i++) {
        double v = factor[k * d + i];
        for (int j = 0; j < d; j++) {
          product[i * d + j] += v * sl[k * d + j];
        }
      }
    }
    for (int i = 0; i < d; i++) { // symmetric to the bit
      for (int j = 0; j < i; j++) {
        double mean = (product[i * d + j] + product[j * d + i]) / 2;
        product[i * d + j] = mean;
        product[j * d + i] = mean;
      }
    }
    return rootTraces(product, 1, d)[0];
  }

  /** Σ √λ of each of some symmetric matrices [count, d, d]. */
  private static double[] rootTraces(double[] symmetric, int count, int d) {
    double[] traces = new double[count];
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      double[] eigenvalues = Tensor.of(symmetric, count, d, d).symmetricEigenvalues().toDoubles();
      for (int i = 0; i < eigenvalues.length; i++) {
        traces[i / d] += Math.sqrt(Math.max(0, eigenvalues[i]));
      }
    }
    return traces;
  }

  /**
   * L [d, d], lower triangular, with LLᵀ = S for a positive semidefinite S: where the pivot
   * vanishes, so does the rest of its column in exact arithmetic, and the column of L is zero.
   */
  static double[] semidefiniteCholesky(double[] s, int d) {
    double largest = 0;
    for (int i = 0; i < d; i++) {
      largest = Math.max(largest, s[i * d + i]);
    }
    double[] l = new double[d * d];
    for (int j = 0; j < d; j++) {
      double pivot = s[j * d + j];
      for (int k = 0; k < j; k++) {
        pivot -= l[j * d + k] * l[j * d + k];
      }
      if (pivot <= PIVOT * largest) {
        continue;
      }
      double root = Math.sqrt(pivot);
      l[j * d + j] = root;
      for (int i = j + 1; i < d; i++) {
        double v = s[i * d + j];
        for (int k = 0; k < j; k++) {
          v -= l[i * d + k] * l[j * d + k];
        }
        l[i * d + j] = v / root;
      }
    }
    return l;
  }
}
