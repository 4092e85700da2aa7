package org.peltast.diffusion;

/**
 * How N steps are laid over the times of a path: what a sampler makes of a number of steps. In
 * diffusers it is part of the scheduler's configuration.
 */
@FunctionalInterface
public interface StepSpacing {
  /** Steps of equal length from pure noise on: flow models, and few-step generators. */
  StepSpacing UNIFORM = StepGrid::uniform;

  /**
   * The grid of so many steps.
   *
   * @throws DiffusionException if there is none of so many
   */
  StepGrid grid(int steps);
}
