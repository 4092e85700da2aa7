package org.peltast.distill;

/**
 * A learning rate over updates: a linear warm-up, a plateau, and a linear decay to zero at the end.
 *
 * @param rate the plateau
 * @param warmUp updates of the warm-up
 * @param decay the share of all updates, at the end, over which it falls to zero; 0 keeps the
 *     plateau
 */
public record LearningRate(double rate, int warmUp, double decay) {
  /** Checks the ranges. */
  public LearningRate {
    if (!(rate > 0 && rate < 10) || warmUp < 0 || !(decay >= 0 && decay <= 1)) {
      throw new IllegalArgumentException(
          "a learning rate must be in (0, 10), its warm-up not negative and its decay in [0, 1]");
    }
  }

  /** The rate of one update, counted from 0, of a run of so many. */
  public double at(long update, long updates) {
    double r = rate;
    if (update < warmUp) {
      r *= (update + 1.0) / warmUp;
    }
    double falling = decay * updates;
    double left = updates - update;
    return left < falling ? r * left / falling : r;
  }
}
