package org.peltast.evaluate;

import java.util.Locale;

/**
 * The squared maximum mean discrepancy of two sets of features under the cubic polynomial kernel
 * k(x, y) = (xᵀy / d + 1)³, estimated without bias: what KID is over Inception's features
 * (Bińkowski et al., 2018, "Demystifying MMD GANs"). Over a judge's features it bears the judge's
 * name.
 *
 * <p>Row i of both sets belongs to prompt i, so the two are not independent; the estimator of
 * Gretton et al. (2012, equation 4) leaves all pairs with i = j out, which keeps it unbiased:
 *
 * <pre>MMD² = mean over i ≠ j of k(xᵢ, xⱼ) + k(yᵢ, yⱼ) − k(xᵢ, yⱼ) − k(xⱼ, yᵢ).</pre>
 *
 * Being unbiased, it needs no correction for the number of pictures, compares at any n, and is
 * negative about half the time where the two sets are of one distribution.
 */
final class KernelDistance {
  private KernelDistance() {}

  /**
   * The U-statistic.
   *
   * @param x features of generated pictures [n, d], n ≥ 2
   * @param y features of the real pictures of the same prompts [n, d]
   */
  static Statistic.Pairs of(FeatureTable x, FeatureTable y) {
    int n = x.rows();
    if (n < 2 || y.rows() != n || y.width() != x.width()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A kernel distance needs two pictures or more and the real one of each, but there are"
                  + " %d × %d features and %d × %d.",
              n,
              x.width(),
              y.rows(),
              y.width()));
    }
    double[][] h = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        h[i][j] =
            kernel(x.dot(i, x, j), x.width())
                + kernel(y.dot(i, y, j), x.width())
                - kernel(x.dot(i, y, j), x.width())
                - kernel(x.dot(j, y, i), x.width());
        h[j][i] = h[i][j];
      }
    }
    return new Statistic.Pairs(h);
  }

  private static double kernel(double dot, int d) {
    double base = dot / d + 1;
    return base * base * base;
  }
}
