package org.peltast.diffusion;

import java.util.Locale;
import org.peltast.tensor.Tensor;

/**
 * Classifier-free guidance {@code u + α·(c − u)} (Ho and Salimans, 2022), the one place that
 * defines α: α = 1 is no guidance, α = 0 ignores the condition. (Code that writes {@code c + g·(c −
 * u)} means α = 1 + g.)
 *
 * <p>When pictures are drawn, two habits of pipelines may come to it: the guided prediction's norm
 * is brought back to that of the conditional one ({@link Rescale}), and the last steps go without
 * guidance ({@link Truncation}). Training, which asks for α alone, knows neither.
 *
 * @param alpha the guidance scale
 * @param rescale what becomes of the guided prediction's norm
 * @param truncation which steps are guided
 */
public record Guidance(double alpha, Rescale rescale, Truncation truncation) {
  /** Far beyond any use, and far within float32. */
  private static final double MAX = 1e4;

  /** An untrained network may answer zeros. */
  private static final double TINY = 1e-30;

  /** α = 1: the condition alone, at one evaluation a step instead of two. */
  public static final Guidance NONE = new Guidance(1);

  /** What becomes of the guided prediction's norm. */
  public sealed interface Rescale {
    /** Nothing. */
    Rescale NONE = new None();

    /** Lumina-Image 2.0's: each row of a channel gets the norm that the conditional one has. */
    Rescale ROWS = new Rows();

    /**
     * Rescales.
     *
     * @param guided [B, C, H, W]
     * @param conditional [B, C, H, W]
     */
    Tensor apply(Tensor guided, Tensor conditional);

    /** Leaves it alone. */
    record None() implements Rescale {
      @Override
      public Tensor apply(Tensor guided, Tensor conditional) {
        return guided;
      }
    }

    /** Norms over the last axis, W, made equal. */
    record Rows() implements Rescale {
      @Override
      public Tensor apply(Tensor guided, Tensor conditional) {
        return guided.mul(conditional.norm(true, -1).div(guided.norm(true, -1).add(TINY)));
      }
    }

    /**
     * Z-Image's: an item's norm is at most so many times that of the conditional prediction.
     *
     * @param limit positive
     */
    record AtMost(double limit) implements Rescale {
      /** Checks the range. */
      public AtMost {
        if (!(limit > 0 && limit <= MAX)) {
          throw new DiffusionException(
              String.format(
                  Locale.ROOT,
                  "the limit of a guided prediction's norm must be more than 0 and at most %.0f, got %s",
                  MAX,
                  limit));
        }
      }

      @Override
      public Tensor apply(Tensor guided, Tensor conditional) {
        Tensor most = conditional.norm(true, 1, 2, 3).mul(limit); // [B, 1, 1, 1]
        return guided.mul(most.div(guided.norm(true, 1, 2, 3).add(TINY)).clamp(0, 1));
      }
    }
  }

  /** Which steps are guided. */
  public sealed interface Truncation {
    /** All of them. */
    Truncation NONE = new Steps(1);

    /**
     * Whether a step is guided.
     *
     * @param step from 0
     * @param steps how many there are
     * @param time the network's
     */
    boolean guides(int step, int steps, double time);

    /**
     * The first share of the steps (Lumina-Image 2.0's {@code cfg_trunc_ratio}): step k of N while
     * {@code (k + 1)/N} is at most that share.
     */
    record Steps(double share) implements Truncation {
      @Override
      public boolean guides(int step, int steps, double time) {
        return (step + 1.0) / steps <= share;
      }
    }

    /**
     * Steps at network times up to a last one (Z-Image's {@code cfg_truncation}); above 1 that is
     * all of them.
     */
    record Until(double last) implements Truncation {
      /** The reference compares a float32, which decides where a time meets the bound exactly. */
      @Override
      public boolean guides(int step, int steps, double time) {
        float timestep = (float) ((1 - time) * 1000);
        float networkTime = (1000 - timestep) / 1000;
        return last > 1 || networkTime <= last;
      }
    }
  }

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

  /** Of every step, without more ado. */
  public Guidance(double alpha) {
    this(alpha, Rescale.NONE, Truncation.NONE);
  }

  /** The same with another scale. */
  public Guidance withAlpha(double other) {
    return new Guidance(other, rescale, truncation);
  }

  /** Whether the unconditional prediction is needed at all. */
  public boolean isOn() {
    return alpha != 1;
  }

  /** Whether it is needed in a step; see {@link Truncation#guides}. */
  public boolean isOn(int step, int steps, double time) {
    return isOn() && truncation.guides(step, steps, time);
  }

  /** {@code u + α·(c − u)}. */
  public Tensor apply(Tensor conditional, Tensor unconditional) {
    return unconditional.addScaled(conditional.sub(unconditional), alpha);
  }

  /** What a sampler follows: {@link #apply}, rescaled. */
  Tensor guided(Tensor conditional, Tensor unconditional) {
    return rescale.apply(apply(conditional, unconditional), conditional);
  }

  /** What guidance adds to the condition alone: {@code (α − 1)·(c − u)}. */
  public Tensor surplus(Tensor conditional, Tensor unconditional) {
    return conditional.sub(unconditional).mul(alpha - 1);
  }
}
