package org.peltast.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A figure of a set of pictures, kept with what its uncertainty is computed from, prompt by prompt.
 * Figures of sets that were drawn for the same prompts add up: their difference, and their average
 * over seeds, are statistics again, with intervals that know what the sets have in common.
 */
sealed interface Statistic {
  /** Two-sided 95 % of a normal distribution. */
  double Z = 1.959963984540054;

  /** The figure. */
  double value();

  /** Its 95 % interval over fresh draws of prompts, or null if there are too few pictures. */
  @Nullable Interval interval(Bootstrap bootstrap);

  /**
   * This and a multiple of another of the same kind over the same prompts.
   *
   * @throws EvaluationException if they are not
   */
  Statistic plus(Statistic other, double weight);

  /** A multiple of this. */
  Statistic times(double weight);

  /** The average of figures of one recipe, trained from several seeds. */
  static Statistic average(List<Statistic> all) {
    Statistic sum = all.get(0);
    for (Statistic one : all.subList(1, all.size())) {
      sum = sum.plus(one, 1);
    }
    return sum.times(1.0 / all.size());
  }

  private static EvaluationException unpaired(Statistic a, Statistic b) {
    return new EvaluationException(
        String.format(
            Locale.ROOT,
            "Figures can be compared if they are of one kind and over the same prompts, but these"
                + " are %s and %s.",
            a,
            b));
  }

  private static double[] sum(double[] a, double[] b, double weight) {
    double[] sum = a.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += weight * b[i];
    }
    return sum;
  }

  private static double[] scaled(double[] a, double weight) {
    return sum(new double[a.length], a, weight);
  }

  /**
   * The mean of one number a prompt, with percentile bootstrap intervals; of a few prompts, whose
   * resamples tell too little (two of one sign would always exclude 0), with Student's t.
   *
   * @param values one or more
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody, changed by nobody
  record Mean(double[] values) implements Statistic {
    /** Prompts from which on their resamples are enough. */
    private static final int ENOUGH = 10;

    @Override
    public double value() {
      return Arrays.stream(values).average().orElseThrow();
    }

    @Override
    public @Nullable Interval interval(Bootstrap bootstrap) {
      if (values.length < 2) {
        return null;
      }
      return values.length < ENOUGH
          ? SeedSpread.of(Arrays.stream(values).boxed().toList()).interval()
          : bootstrap.ofMean(values);
    }

    @Override
    public Statistic plus(Statistic other, double weight) {
      if (other instanceof Mean that && that.values.length == values.length) {
        return new Mean(sum(values, that.values, weight));
      }
      throw unpaired(this, other);
    }

    @Override
    public Statistic times(double weight) {
      return new Mean(scaled(values, weight));
    }

    @Override
    public String toString() {
      return "a mean over " + values.length + " prompts";
    }
  }

  /**
   * A smooth functional of the distribution of pictures, such as a Fréchet distance F, with
   * intervals ± 1.96 standard deviations that hold beside the reference and far from it.
   *
   * <p>To second order F of a sample is F of the population, plus a linear term with variance L,
   * plus a quadratic one with variance Q, and the sought variance is L + Q. Near the reference the
   * slope of F vanishes, so that L does, too, and Q is all. But the slope is only known at the
   * sample, which is itself off by the noise: a jackknife there finds L + 2Q, and the bootstrap,
   * which adds the quadratic term once more, L + 3Q: intervals up to √3 times too wide. (That the
   * jackknife errs upwards is Efron and Stein's inequality, 1981.)
   *
   * <p>The quadratic term is seen alone where the linear one cancels: in the mean of F over the two
   * halves of a random split, which varies from split to split by exactly Q. So
   *
   * <pre>variance = jackknife − variance over splits,</pre>
   *
   * whose expectation is L + Q; as a safeguard against its own noise it counts at least as Q/2.
   *
   * @param value the figure
   * @param jackknife F without each group of pictures in turn (the groups of all sets alike)
   * @param halves the mean of F over the two halves of a random split, for each split (the splits
   *     of all sets alike)
   * @param corrections for each random partition what was added to F, of which the value has the
   *     mean over partitions; their own error, from the number of partitions, counts. Empty if
   *     nothing was added
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody, changed by nobody
  record Smooth(double value, double[] jackknife, double[] halves, double[] corrections)
      implements Statistic {

    /** The variance over fresh draws; NaN if there were too few pictures to split. */
    double variance() {
      int groups = jackknife.length;
      if (groups < 2 || halves.length < 2) {
        return Double.NaN;
      }
      double linear = variance(jackknife) * (groups - 1.0) * (groups - 1.0) / groups;
      double quadratic = variance(halves);
      return Math.max(linear - quadratic, quadratic / 2)
          + (corrections.length < 2 ? 0 : variance(corrections) / corrections.length);
    }

    /** Σ (v − v̄)² / (n − 1). */
    private static double variance(double[] values) {
      double mean = Arrays.stream(values).average().orElseThrow();
      return Arrays.stream(values).map(v -> (v - mean) * (v - mean)).sum() / (values.length - 1);
    }

    @Override
    public @Nullable Interval interval(Bootstrap bootstrap) {
      double half = Z * Math.sqrt(variance());
      return Double.isNaN(half) ? null : new Interval(value - half, value + half);
    }

    @Override
    public Statistic plus(Statistic other, double weight) {
      if (other instanceof Smooth that
          && that.jackknife.length == jackknife.length
          && that.halves.length == halves.length
          && that.corrections.length == corrections.length) {
        return new Smooth(
            value + weight * that.value,
            sum(jackknife, that.jackknife, weight),
            sum(halves, that.halves, weight),
            sum(corrections, that.corrections, weight));
      }
      throw unpaired(this, other);
    }

    @Override
    public Statistic times(double weight) {
      return new Smooth(
          weight * value,
          scaled(jackknife, weight),
          scaled(halves, weight),
          scaled(corrections, weight));
    }

    @Override
    public String toString() {
      return "a distance of " + jackknife.length + " groups";
    }
  }

  /**
   * A U-statistic of second order, the mean of h(i, j) over pairs of different prompts (Hoeffding,
   * 1948), with the unbiased estimate of its variance, ± 1.96 standard deviations.
   *
   * <p>With ζ₁ = Cov(h₁₂, h₁₃) and ζ₂ = Var(h₁₂) that variance is (4(n − 2) ζ₁ + 2 ζ₂) / (n(n −
   * 1)); the moments in it are estimated without bias from the sums of h over rows, as in
   * Sutherland et al., 2017, where both the linear and the degenerate part are kept: near the real
   * pictures the second is all.
   *
   * @param kernel h [n, n], symmetric, its diagonal zero and not used
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody, changed by nobody
  record Pairs(double[][] kernel) implements Statistic {
    @Override
    public double value() {
      int n = kernel.length;
      double sum = 0;
      for (double[] row : kernel) {
        for (double h : row) {
          sum += h;
        }
      }
      return sum / ((double) n * (n - 1));
    }

    /** The variance over fresh draws of prompts; NaN for fewer than four. */
    double variance() {
      double n = kernel.length;
      if (n < 4) {
        return Double.NaN;
      }
      double sum = 0;
      double rows = 0; // Σᵢ (Σⱼ hᵢⱼ)²
      double squares = 0;
      for (double[] row : kernel) {
        double one = 0;
        for (double h : row) {
          one += h;
          squares += h * h;
        }
        sum += one;
        rows += one * one;
      }
      double pairs = n * (n - 1);
      double meanSquared = // E²[h], over four different indices
          (sum * sum - 4 * rows + 2 * squares) / (pairs * (n - 2) * (n - 3));
      double zeta1 = (rows - squares) / (pairs * (n - 2)) - meanSquared;
      double zeta2 = squares / pairs - meanSquared;
      double degenerate = 2 * Math.max(zeta2, 0) / pairs;
      return Math.max((4 * (n - 2) * zeta1 + 2 * zeta2) / pairs, degenerate);
    }

    /** Its standard error. */
    double error() {
      return Math.sqrt(variance());
    }

    @Override
    public @Nullable Interval interval(Bootstrap bootstrap) {
      double half = Z * error();
      return Double.isNaN(half) ? null : new Interval(value() - half, value() + half);
    }

    @Override
    public Statistic plus(Statistic other, double weight) {
      if (other instanceof Pairs that && that.kernel.length == kernel.length) {
        double[][] all = new double[kernel.length][];
        for (int i = 0; i < all.length; i++) {
          all[i] = sum(kernel[i], that.kernel[i], weight);
        }
        return new Pairs(all);
      }
      throw unpaired(this, other);
    }

    @Override
    public Statistic times(double weight) {
      return new Pairs(
          Arrays.stream(kernel).map(row -> scaled(row, weight)).toArray(double[][]::new));
    }

    @Override
    public String toString() {
      return "a mean over the pairs of " + kernel.length + " prompts";
    }
  }
}
