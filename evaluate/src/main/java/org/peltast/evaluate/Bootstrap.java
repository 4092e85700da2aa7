package org.peltast.evaluate;

import java.util.Arrays;
import java.util.Locale;
import org.peltast.tensor.Rng;

/**
 * Percentile confidence intervals of means by resampling pictures with replacement (Efron, 1979), a
 * function of the seed alone. Every mean is resampled alike, so that a mean of differences has the
 * interval of a paired bootstrap.
 *
 * <p>Distances of distributions are not resampled so: {@link Statistic.Smooth} says why.
 */
final class Bootstrap {
  private final Rng rng;
  private final int resamples;

  /**
   * A bootstrap.
   *
   * @param resamples at least 20
   */
  Bootstrap(long seed, int resamples) {
    if (resamples < 20) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A bootstrap needs 20 resamples or more, but %d were asked for.",
              resamples));
    }
    this.rng = Rng.of(seed).fork("bootstrap");
    this.resamples = resamples;
  }

  /** The percentile interval of a mean; one value or more. */
  Interval ofMean(double[] values) {
    double[] means = new double[resamples];
    for (int r = 0; r < resamples; r++) {
      double sum = 0;
      for (int i : indices(r, values.length)) {
        sum += values[i];
      }
      means[r] = sum / values.length;
    }
    Arrays.sort(means);
    return new Interval(quantile(means, 0.025), quantile(means, 0.975));
  }

  /** The pictures of resample r: the same for every measure, so that measures stay comparable. */
  private int[] indices(int r, int n) {
    Rng own = rng.fork(r);
    int[] chosen = new int[n];
    for (int i = 0; i < n; i++) {
      chosen[i] = own.below(n);
    }
    return chosen;
  }

  /** Linear interpolation between order statistics. */
  static double quantile(double[] sorted, double p) {
    double at = p * (sorted.length - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }
}
