package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Rng;

/**
 * The Fréchet distance of a sample of n pictures from a reference, raw and with the bias of the
 * finite sample removed, both with what their intervals need.
 *
 * <p>The raw distance F(n) lies above that of infinitely many pictures by c/n + c′/n² + …. As for
 * FID∞ (Chong and Forsyth, 2020, "Effectively unbiased FID and Inception Score"), it is measured at
 * several sizes and extrapolated to 1/n = 0. FID∞ fits a line. With hundreds of pictures and a
 * hundred features that corrects too much, by a tenth of the bias, which is more than an interval
 * is wide; so the next term is fitted too, at n, n/2 and n/3:
 *
 * <pre>F∞ = 3 F(n) − 3 F(n/2) + F(n/3).</pre>
 *
 * The smaller sizes are the parts of random partitions of the sample, not independent draws from
 * it: over a partition what is linear in the pictures cancels exactly, so that far fewer do.
 *
 * <p>F∞ may be negative where the truth is near 0.
 *
 * @param raw F(n)
 * @param biasFree F∞, or null for fewer than {@code 2 d} pictures of d features, whose parts follow
 *     no such curve
 */
record FrechetSample(Statistic.Smooth raw, Statistic.@Nullable Smooth biasFree) {
  /** Groups left out in turn. */
  private static final int GROUPS = 100;

  /** Random partitions. */
  private static final int PARTITIONS = 64;

  /** Of a partition: two halves and three thirds are made of them. */
  private static final int PARTS = 6;

  /**
   * Measures a sample.
   *
   * @param seed of partitions, the same for every set that is to be compared
   */
  static FrechetSample of(FrechetDistance distance, FeatureTable features, long seed) {
    int n = features.rows();
    if (n < 2) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT, "A Fréchet distance needs two pictures or more, but there is %d.", n));
    }
    FrechetDistance.Moments[] groups = new FrechetDistance.Moments[Math.min(GROUPS, n)];
    int[] order = IntStream.range(0, n).toArray();
    for (int g = 0; g < groups.length; g++) {
      int group = g;
      groups[g] =
          distance.moments(
              features, Arrays.stream(order).filter(i -> i % groups.length == group).toArray());
    }
    FrechetDistance.Moments all = FrechetDistance.sum(groups);
    double whole = distance.to(all);
    if (n < 2 * PARTS) {
      return new FrechetSample(new Statistic.Smooth(whole, NONE, NONE, NONE), null);
    }
    double[] jackknife = distance.to(Arrays.stream(groups).map(all::minus).toList());
    double[] halves = new double[PARTITIONS];
    double[] corrections = new double[PARTITIONS];
    Rng rng = Rng.of(seed).fork("partitions");
    for (int r = 0; r < PARTITIONS; r++) {
      int[][] partition = partition(n, PARTS, rng.fork(r));
      FrechetDistance.Moments[] parts =
          Arrays.stream(partition)
              .map(part -> distance.moments(features, part))
              .toArray(FrechetDistance.Moments[]::new);
      List<FrechetDistance.Moments> together = new ArrayList<>();
      for (int k = 2; k <= 3; k++) { // two halves, then three thirds
        for (int i = 0; i < k; i++) {
          together.add(
              FrechetDistance.sum(Arrays.copyOfRange(parts, PARTS * i / k, PARTS * (i + 1) / k)));
        }
      }
      double[] d = distance.to(together);
      halves[r] = (d[0] + d[1]) / 2;
      corrections[r] = extrapolated(whole, halves[r], (d[2] + d[3] + d[4]) / 3) - whole;
    }
    return new FrechetSample(
        new Statistic.Smooth(whole, jackknife, halves, NONE),
        extrapolates(n, features.width())
            ? new Statistic.Smooth(whole + mean(corrections), jackknife, halves, corrections)
            : null);
  }

  private static final double[] NONE = {};

  /** Whether n pictures of d features are enough to extrapolate from. */
  static boolean extrapolates(int n, int d) {
    return n >= 2 * PARTS && n >= 2 * d;
  }

  /**
   * The value at 1/n = 0 of the parabola through values at 1/n, 2/n and 3/n.
   *
   * @param whole F(n)
   * @param half F(n/2)
   * @param third F(n/3)
   */
  static double extrapolated(double whole, double half, double third) {
    return 3 * whole - 3 * half + third;
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  /** 0 … n − 1 in k random parts as equal as can be. */
  static int[][] partition(int n, int k, Rng rng) {
    int[] order = rng.permutation(n);
    int[][] parts = new int[k][];
    for (int i = 0; i < k; i++) {
      parts[i] =
          Arrays.copyOfRange(order, (int) ((long) n * i / k), (int) ((long) n * (i + 1) / k));
    }
    return parts;
  }
}
