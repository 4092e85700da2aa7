package org.peltast.distill;

import org.peltast.tensor.Tensor;

/** What the terms' directions are divided by, for each image. */
public enum Normaliser {
  /**
   * DMD2's, for both terms: {@code mean |x̂ − x₀_cfg|} with the teacher's guided prediction at the
   * engine's draw. With {@link Renoising#COUPLED_SHARED} and unit weights the update is DMD2's.
   */
  SHARED,
  /**
   * Each term by its own residual: the engine as above, distribution matching by {@code mean |x̂ −
   * x₀(x_τDM|c)|}.
   */
  PER_TERM,
  /** Nothing is divided. */
  NONE;

  /** {@code mean_CHW |x̂ − prediction|}, [B, 1, 1, 1]. */
  static Tensor residual(Tensor images, Tensor prediction) {
    return images.sub(prediction).abs().mean(true, 1, 2, 3);
  }

  /** The direction over the residual, where that is 0 nothing (as DMD2: NaN counts as 0). */
  static Tensor divide(Tensor direction, Tensor residual) {
    return direction.div(residual).finiteOr(0);
  }
}
