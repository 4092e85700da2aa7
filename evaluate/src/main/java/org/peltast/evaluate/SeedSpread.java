package org.peltast.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The mean of a figure over runs of one recipe from several seeds, with Student's t interval
 * (Student, 1908): mean ± t₀.₉₇₅(k − 1) s / √k, for as few as two seeds.
 *
 * @param seeds k, at least 2
 * @param mean over the seeds
 * @param deviation s, the sample standard deviation from seed to seed
 */
public record SeedSpread(int seeds, double mean, double deviation) {
  /** Two-sided 95 % quantiles for 1 to 30 degrees of freedom. */
  private static final double[] QUANTILES = {
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, //
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, //
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423
  };

  /**
   * The spread of figures, one a seed.
   *
   * @throws EvaluationException if there are fewer than two
   */
  public static SeedSpread of(List<Double> figures) {
    if (figures.size() < 2) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A spread over seeds needs two runs or more, but there is %d.",
              figures.size()));
    }
    double[] all = figures.stream().mapToDouble(Double::doubleValue).toArray();
    double mean = Arrays.stream(all).average().orElseThrow();
    double squares = Arrays.stream(all).map(v -> (v - mean) * (v - mean)).sum();
    return new SeedSpread(all.length, mean, Math.sqrt(squares / (all.length - 1)));
  }

  /** The 95 % interval of the mean that more and more seeds would come to. */
  public Interval interval() {
    double half = half();
    return new Interval(mean - half, mean + half);
  }

  /** Half its width. */
  double half() {
    return quantile(seeds - 1) * error();
  }

  /** s / √k. */
  double error() {
    return deviation / Math.sqrt(seeds);
  }

  /**
   * t₀.₉₇₅ of so many degrees of freedom; beyond 30 by the series of Cornish and Fisher, to 1e-5.
   */
  static double quantile(int degrees) {
    if (degrees <= QUANTILES.length) {
      return QUANTILES[degrees - 1];
    }
    double z = Statistic.Z;
    double z3 = z * z * z;
    double z5 = z3 * z * z;
    double z7 = z5 * z * z;
    double inverse = 1.0 / degrees;
    return z
        + inverse / 4 * (z3 + z)
        + inverse * inverse / 96 * (5 * z5 + 16 * z3 + 3 * z)
        + inverse * inverse * inverse / 384 * (3 * z7 + 19 * z5 + 17 * z3 - 15 * z);
  }
}
