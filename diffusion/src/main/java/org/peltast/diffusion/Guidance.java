package org.peltast.diffusion;

import java.util.Locale;
import org.peltast.tensor.Tensor;

/**
 * Classifier-free guidance {@code u + α·(c − u)} (Ho and Salimans, 2022), the one place that
 * defines α: α = 1 is no guidance, α = 0 ignores the condition. (Code that writes {@code c + g·(c −
 * u)} means α = 1 + g.)
 *
 * @param alpha the guidance scale
 */
public record Guidance(double alpha) {
  /** Far beyond any use, and far within float32. */
  private static final double MAX = 1e4;

  /** α = 1: the condition alone, at one evaluation a step instead of two. */
  public static final Guidance NONE = new Guidance(1);

  /** Checks the range. */
  public Guidance {
    if (!(Math.abs(alpha) <= MAX)) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "the guidance scale must be a number from -%.0f to %.0f, got %s",
              MAX,
              MAX,
              alpha));
    }
  }

  /** Whether the unconditional prediction is needed at all. */
  public boolean isOn() {
    return alpha != 1;
  }

  /** {@code u + α·(c − u)}. */
  public Tensor apply(Tensor conditional, Tensor unconditional) {
    return unconditional.addScaled(conditional.sub(unconditional), alpha);
  }

  /** What guidance adds to the condition alone: {@code (α − 1)·(c − u)}. */
  public Tensor surplus(Tensor conditional, Tensor unconditional) {
    return conditional.sub(unconditional).mul(alpha - 1);
  }
}
