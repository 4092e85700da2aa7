package org.peltast.evaluate;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.peltast.tensor.Rng;

/**
 * Confidence intervals by resampling pictures with replacement (Efron, 1979), a function of the
 * seed alone.
 *
 * <p>Means get percentile intervals. A Fréchet distance does not: a resample has only about 63 % of
 * the pictures, so that its distances lie above the whole set's and the percentiles may not even
 * contain it. There the spread of the resamples is put around the measured value instead: ± 1.96
 * standard deviations.
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

  /** value ± 1.96 standard deviations of the measure over resamples of {@code n} pictures. */
  Interval bySpread(double value, int n, ToDoubleFunction<int[]> measure) {
    double sum = 0;
    double squares = 0;
    for (int r = 0; r < resamples; r++) {
      double deviation = measure.applyAsDouble(indices(r, n)) - value;
      sum += deviation;
      squares += deviation * deviation;
    }
    double variance = (squares - sum * sum / resamples) / (resamples - 1);
    double half = 1.96 * Math.sqrt(Math.max(0, variance));
    return new Interval(value - half, value + half);
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
