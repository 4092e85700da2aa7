package org.peltast.diffusion;

import java.util.Locale;

/**
 * A timestep shift that grows with the image ("dynamic shifting", Esser et al., 2024): {@code μ} is
 * linear in the length of the image's sequence, and the shift's factor is {@code e^μ} or {@code μ}.
 *
 * @param baseLength where μ is {@code baseShift}
 * @param maxLength where μ is {@code maxShift}; the line goes on beyond
 * @param baseShift μ of the one
 * @param maxShift μ of the other
 * @param type how μ becomes a factor
 */
public record DynamicShift(
    int baseLength, int maxLength, double baseShift, double maxShift, Type type) implements Shift {
  /** How μ becomes a factor. */
  public enum Type {
    /** {@code e^μ}. */
    EXPONENTIAL,
    /** μ itself. */
    LINEAR
  }

  /** Checks that there is a line. */
  public DynamicShift {
    if (baseLength < 1 || maxLength <= baseLength) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "a dynamic shift needs a positive base length and a larger maximum, got %d and %d",
              baseLength,
              maxLength));
    }
    if (!Double.isFinite(baseShift) || !Double.isFinite(maxShift)) {
      throw new DiffusionException(
          String.format(Locale.ROOT, "shifts must be finite, got %s and %s", baseShift, maxShift));
    }
  }

  @Override
  public TimeShift at(double length) {
    double slope = (maxShift - baseShift) / (maxLength - baseLength);
    double mu = baseShift + slope * (length - baseLength);
    return new TimeShift(type == Type.EXPONENTIAL ? Math.exp(mu) : mu);
  }
}
