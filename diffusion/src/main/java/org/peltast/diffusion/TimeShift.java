package org.peltast.diffusion;

/**
 * The resolution shift of flow models, {@code σ' = s·σ/(1 + (s − 1)·σ)} with σ = 1 − t. Step grids
 * and draws of τ live in time before the shift ("pre-shift"); networks see time after it.
 *
 * @param factor s, positive; 1 shifts nothing
 */
public record TimeShift(double factor) implements Shift {
  /** No shift. */
  public static final TimeShift NONE = new TimeShift(1);

  /** Checks the range. */
  public TimeShift {
    if (!(factor > 0) || Double.isInfinite(factor)) {
      throw new DiffusionException("a timestep shift must be positive and finite, got " + factor);
    }
  }

  @Override
  public TimeShift at(double length) {
    return this;
  }

  /** Pre-shift time to the network's time, both in [0, 1] with 0 = noise. */
  public double apply(double t) {
    double sigma = 1 - t;
    return 1 - factor * sigma / (1 + (factor - 1) * sigma);
  }

  /** The network's time back to pre-shift time. */
  public double invert(double t) {
    double sigma = 1 - t;
    return 1 - sigma / (factor - (factor - 1) * sigma);
  }
}
