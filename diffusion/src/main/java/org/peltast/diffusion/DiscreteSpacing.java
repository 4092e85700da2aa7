package org.peltast.diffusion;

import java.util.Locale;

/**
 * N of the timesteps of a variance-preserving path, as diffusers' schedulers choose them (Lin et
 * al., 2024, Table 2).
 *
 * @param path whose timesteps they are
 * @param kind which of them
 * @param offset added to each, where the kind is leading
 * @param scaledStart whether sampling starts from noise at the first timestep's level, {@code √(1 −
 *     ᾱ)·ε}, instead of from ε itself
 */
public record DiscreteSpacing(VariancePreserving path, Kind kind, int offset, boolean scaledStart)
    implements StepSpacing {
  /** Which timesteps. */
  public enum Kind {
    /** Multiples of ⌊T / N⌋ from 0 on, plus an offset: the last timestep is never used. */
    LEADING,
    /** Equal steps down from the last, rounded. */
    TRAILING,
    /** Both ends and equal steps between, fractions included. */
    LINSPACE
  }

  @Override
  public StepGrid grid(int steps) {
    int all = path.steps();
    if (steps < 1 || steps > all) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "a sampler of %d timesteps takes from 1 to %d steps, got %d",
              all,
              all,
              steps));
    }
    double[] times = new double[steps];
    double first = 0;
    for (int k = 0; k < steps; k++) {
      double timestep =
          switch (kind) {
            case LEADING -> (steps - 1 - k) * (all / steps) + offset;
            case TRAILING -> Math.rint(all - k * ((double) all / steps)) - 1;
            case LINSPACE -> steps == 1 ? 0 : (all - 1.0) * (steps - 1 - k) / (steps - 1);
          };
      if (timestep > all - 1) {
        throw new DiffusionException(
            String.format(
                Locale.ROOT,
                "%d steps with the offset %d begin at the timestep %.0f, but the last is %d",
                steps,
                offset,
                timestep,
                all - 1));
      }
      times[k] = path.time(timestep);
      first = k == 0 ? times[0] : first;
    }
    return StepGrid.starting(scaledStart ? Math.sqrt(1 - path.alphaBarAt(first)) : 1, times);
  }
}
