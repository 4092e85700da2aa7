package org.peltast.diffusion;

/**
 * How a flow model's timesteps are shifted: by one factor, or by one that depends on how large a
 * picture is drawn.
 */
public sealed interface Shift permits TimeShift, DynamicShift {
  /** No shift. */
  Shift NONE = TimeShift.NONE;

  /**
   * The shift for pictures of a size.
   *
   * @param length what the model's pipeline takes for the length of the image's sequence of tokens
   * @throws DiffusionException if there is none for that length
   */
  TimeShift at(double length);
}
