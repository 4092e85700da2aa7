package org.peltast.evaluate;

import java.util.Arrays;
import java.util.Locale;

/**
 * Mean and covariance of features, in double precision: a Gaussian fitted to a set of pictures.
 *
 * <p>The covariance is the unbiased one, Σ = 1/(n − 1) Σᵢ (xᵢ − μ)(xᵢ − μ)ᵀ. With n ≤ d it is
 * singular, which {@link FrechetDistance} allows for.
 */
public final class GaussianStatistics {
  /** A squared spread below this share of the features' squared size is rounding. */
  private static final double NO_SPREAD = 1e-10;

  private final long count;
  private final double[] mean; // [d]
  private final double[] covariance; // [d, d], symmetric

  /**
   * Known statistics.
   *
   * @param count of pictures that they were computed from, at least 2
   * @param mean [d]
   * @param covariance [d · d], row-major, symmetric
   */
  public GaussianStatistics(long count, double[] mean, double[] covariance) {
    if (count < 2 || mean.length < 1 || covariance.length != (long) mean.length * mean.length) {
      throw new EvaluationException(
          String.format(
                  Locale.ROOT,
                  "Statistics of %d pictures with %d means and %d covariances do not fit; there must be 2",
                  count,
                  mean.length,
                  covariance.length)
              + " pictures or more, d means and d² covariances.");
    }
    this.count = count;
    this.mean = mean.clone();
    this.covariance = covariance.clone();
  }

  /**
   * The statistics of a set of pictures.
   *
   * @throws EvaluationException if there are fewer than two
   */
  public static GaussianStatistics of(FeatureTable features) {
    int n = features.rows();
    int d = features.width();
    if (n < 2) {
      throw new EvaluationException(
          "A Fréchet distance needs two pictures or more on each side, but there is " + n + ".");
    }
    double[] mean = new double[d];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < d; j++) {
        mean[j] += features.at(i, j);
      }
    }
    for (int j = 0; j < d; j++) {
      mean[j] /= n;
    }
    double[] covariance = new double[d * d];
    double[] centred = new double[d];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < d; j++) {
        centred[j] = features.at(i, j) - mean[j];
      }
      for (int j = 0; j < d; j++) {
        double c = centred[j];
        for (int k = 0; k <= j; k++) {
          covariance[j * d + k] += c * centred[k];
        }
      }
    }
    for (int j = 0; j < d; j++) {
      for (int k = 0; k <= j; k++) {
        double c = covariance[j * d + k] / (n - 1);
        covariance[j * d + k] = c;
        covariance[k * d + j] = c;
      }
    }
    return new GaussianStatistics(n, mean, covariance);
  }

  /** The number of pictures. */
  public long count() {
    return count;
  }

  /** d. */
  public int width() {
    return mean.length;
  }

  /** μ, a copy [d]. */
  public double[] mean() {
    return mean.clone();
  }

  /** Σ, a copy [d · d]. */
  public double[] covariance() {
    return covariance.clone();
  }

  /** Tr Σ: the mean squared distance of a picture from the mean. */
  public double trace() {
    double sum = 0;
    for (int j = 0; j < mean.length; j++) {
      sum += covariance[j * mean.length + j];
    }
    return sum;
  }

  /**
   * Whether the pictures differ: that their spread √Tr Σ is more than a thousandth of a percent of
   * the features' size, below which it is rounding.
   */
  public boolean isSpread() {
    double size = trace();
    for (double m : mean) {
      size += m * m;
    }
    return trace() > NO_SPREAD * size;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GaussianStatistics that
        && count == that.count
        && Arrays.equals(mean, that.mean)
        && Arrays.equals(covariance, that.covariance);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(mean);
  }

  @Override
  public String toString() {
    return "GaussianStatistics[n=" + count + ", d=" + mean.length + "]";
  }
}
