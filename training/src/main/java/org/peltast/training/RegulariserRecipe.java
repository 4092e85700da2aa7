package org.peltast.training;

import java.util.Locale;

/**
 * The shield of a recipe: {@code kind: distribution-matching}, {@code mean-variance} or {@code
 * none}.
 */
public sealed interface RegulariserRecipe {
  /**
   * Distribution matching by a fake model.
   *
   * @param updates fake updates a generator update
   * @param fake the fake's optimiser
   */
  record DistributionMatching(int updates, RoleRecipe fake) implements RegulariserRecipe {
    private static final int MOST = 1000;

    /** Checks the range. */
    public DistributionMatching {
      if (updates < 1 || updates > MOST) {
        throw new IllegalArgumentException(
            String.format(Locale.ROOT, "updates must be from 1 to %d, but is %d", MOST, updates));
      }
    }
  }

  /**
   * The divergence of each image's mean and variance from the given ones, of normalised latents.
   *
   * @param mean of real data
   * @param variance of real data
   */
  record MeanVariance(double mean, double variance) implements RegulariserRecipe {
    /** Checks the ranges: normalised latents are of the order of 1. */
    public MeanVariance {
      if (!(Math.abs(mean) <= 1e6 && variance >= 1e-6 && variance <= 1e6)) {
        throw new IllegalArgumentException(
            "mean must be from -1e6 to 1e6 and variance from 1e-6 to 1e6, but they are %s and %s"
                .formatted(mean, variance));
      }
    }
  }

  /** The engine alone. */
  record None() implements RegulariserRecipe {}
}
