package org.peltast.diffusion;

import java.util.Arrays;

/**
 * The times at which a sampler evaluates its network, from noise towards data, in pre-shift time (t
 * = 0 noise, 1 clean). The last step always ends at t = 1.
 */
public final class StepGrid {
  private final double[] times;
  private final double startScale;

  private StepGrid(double startScale, double[] times) {
    this.startScale = startScale;
    this.times = times;
  }

  /** n steps of equal length: 0, 1/n, …, (n − 1)/n. */
  public static StepGrid uniform(int n) {
    if (n < 1 || n > 10_000) {
      throw new DiffusionException("a sampler takes between 1 and 10000 steps, got " + n);
    }
    double[] t = new double[n];
    for (int i = 0; i < n; i++) {
      t[i] = (double) i / n;
    }
    return new StepGrid(1, t);
  }

  /** The given times: rising, in [0, 1), the first of them 0. */
  public static StepGrid of(double... times) {
    for (int i = 0; i < times.length; i++) {
      boolean rising = i == 0 ? times[0] == 0 : times[i] > times[i - 1];
      if (!rising || !(times[i] < 1)) {
        throw new DiffusionException(
            "a step grid begins at 0 (noise) and rises, staying below 1 (clean); got "
                + Arrays.toString(times));
      }
    }
    if (times.length == 0) {
      throw new DiffusionException("a step grid needs at least one step");
    }
    return new StepGrid(1, times.clone());
  }

  /**
   * Times that need not begin at pure noise, as schedulers of discrete timesteps choose them.
   *
   * @param startScale see {@link #startScale}
   * @param times rising, in [0, 1)
   */
  public static StepGrid starting(double startScale, double... times) {
    for (int i = 0; i < times.length; i++) {
      if (!(times[i] >= 0 && times[i] < 1) || (i > 0 && !(times[i] > times[i - 1]))) {
        throw new DiffusionException(
            "a step grid rises from 0 (noise) or later and stays below 1 (clean); got "
                + Arrays.toString(times));
      }
    }
    if (times.length == 0 || !(startScale > 0 && startScale <= 1)) {
      throw new DiffusionException(
          "a step grid needs at least one step, and a scale of its start above 0 and up to 1");
    }
    return new StepGrid(startScale, times.clone());
  }

  /** What the noise that sampling starts from is multiplied by; 1 unless a scheduler says so. */
  public double startScale() {
    return startScale;
  }

  /** The number of steps. */
  public int size() {
    return times.length;
  }

  /** The pre-shift time at which step k begins; {@code time(size())} is 1. */
  public double time(int k) {
    return k == times.length ? 1 : times[k];
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof StepGrid g && startScale == g.startScale && Arrays.equals(times, g.times);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(times);
  }

  @Override
  public String toString() {
    return Arrays.toString(times);
  }
}
