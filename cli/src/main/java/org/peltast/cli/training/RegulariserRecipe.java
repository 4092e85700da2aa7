package org.peltast.cli.training;

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
  record DistributionMatching(int updates, RoleRecipe fake) implements RegulariserRecipe {}

  /**
   * The divergence of each image's mean and variance from the given ones, of normalised latents.
   *
   * @param mean of real data
   * @param variance of real data
   */
  record MeanVariance(double mean, double variance) implements RegulariserRecipe {}

  /** The engine alone. */
  record None() implements RegulariserRecipe {}
}
