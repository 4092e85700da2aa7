package org.peltast.training;

import org.peltast.distill.LearningRate;
import org.peltast.distill.Role;
import org.peltast.tensor.nn.AdamW;

/**
 * How one network of a run is trained.
 *
 * @param learningRate the plateau
 * @param warmUp updates until the plateau is reached
 * @param decay the share of the run, at its end, over which the rate falls to zero
 * @param beta1 AdamW's
 * @param beta2 AdamW's
 * @param weightDecay AdamW's
 * @param clip the largest joint gradient norm
 * @param ema the decay of the weights' moving average
 */
public record RoleRecipe(
    double learningRate,
    int warmUp,
    double decay,
    double beta1,
    double beta2,
    double weightDecay,
    double clip,
    double ema) {
  /** Checks the ranges. */
  public RoleRecipe {
    Ranges.check(
        () ->
            new Role.Settings(
                new LearningRate(learningRate, warmUp, decay),
                new AdamW.Settings(beta1, beta2, 1e-8, weightDecay),
                clip,
                ema));
  }

  Role.Settings settings() {
    return new Role.Settings(
        new LearningRate(learningRate, warmUp, decay),
        new AdamW.Settings(beta1, beta2, 1e-8, weightDecay),
        clip,
        ema);
  }
}
