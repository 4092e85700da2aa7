package org.peltast.evaluate;

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
 * comparable for equal numbers of pictures alone. It is a distance over <em>the judge's</em>
 * features ("Fréchet, emoji-clip"), not FID.
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
    if (other.width() != d) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The Fréchet distance needs features of one network, but one side has %d and the other %d.",
              d,
              other.width()));
    }
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
    double trace = 0;
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      for (double eigenvalue : Tensor.of(product, d, d).symmetricEigenvalues().toDoubles()) {
        trace += Math.sqrt(Math.max(0, eigenvalue));
      }
    }
    return trace;
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
