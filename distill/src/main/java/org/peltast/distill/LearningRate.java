package org.peltast.distill;

/**
 * A learning rate over a role's own updates: a linear warm-up, a plateau, and a decay to zero at
 * the end.
 *
 * @param rate the plateau
 * @param warmUp updates of the warm-up
 * @param decay the share of all updates, at the end, over which it falls to zero; 0 keeps the
 *     plateau
 * @param shape of the decay
 */
public record LearningRate(double rate, int warmUp, double decay, Shape shape) {
  /** How a rate falls. */
  public enum Shape {
    /** In a straight line. */
    LINEAR,
    /** By half a period of the cosine, which begins after the warm-up at the soonest. */
    COSINE
  }

  /** Checks the ranges. */
  public LearningRate {
    if (!(rate > 0 && rate < 10) || warmUp < 0 || !(decay >= 0 && decay <= 1)) {
      throw new IllegalArgumentException(
          "a learning rate must be in (0, 10), its warm-up not negative and its decay in [0, 1]");
    }
  }

  /** One that falls in a straight line. */
  public LearningRate(double rate, int warmUp, double decay) {
    this(rate, warmUp, decay, Shape.LINEAR);
  }

  /** The rate of one update, counted from 0, of so many. */
  public double at(long update, long updates) {
    double r = rate;
    if (update < warmUp) {
      r *= (update + 1.0) / warmUp;
    }
    double falling = decay * updates;
    if (shape == Shape.COSINE) {
      falling = Math.min(falling, Math.max(1.0, (double) updates - warmUp));
    }
    double left = updates - update;
    if (left >= falling) {
      return r;
    }
    double share = Math.max(0, left) / falling;
    return shape == Shape.LINEAR
        ? r * Math.max(0, left) / falling
        : r * 0.5 * (1 - StrictMath.cos(Math.PI * share));
  }
}
