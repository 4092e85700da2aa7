package org.peltast.diffusion;

import java.util.Locale;

/**
 * What a network was trained to undo: a noise path, what the network predicts on it, and the shift
 * of its timesteps. In diffusers these three are the scheduler's configuration; how its times are
 * then stepped through is a {@link Sampler} and a {@link StepGrid} here.
 *
 * @param path how data and noise are mixed
 * @param prediction what the network answers
 * @param shift from grids' times to the network's
 */
public record NoiseSchedule(NoisePath path, Prediction prediction, Shift shift) {
  /** Rectified flow with velocity prediction: Z-Image, Lumina 2, SD3, FLUX. */
  public static NoiseSchedule flow(Shift shift) {
    return new NoiseSchedule(new RectifiedFlow(), Prediction.VELOCITY, shift);
  }

  /**
   * The same with the shift of pictures of one size.
   *
   * @param length as {@link Shift#at} takes it
   */
  public NoiseSchedule at(double length) {
    return new NoiseSchedule(path, prediction, shift.at(length));
  }

  /**
   * A network under this path and shift.
   *
   * @throws DiffusionException if it predicts something else, or the shift depends on a size: ask
   *     {@link #at} first
   */
  public Denoiser denoiser(Network network) {
    if (!(shift instanceof TimeShift fixed)) {
      throw new DiffusionException(
          "the shift depends on the size of the pictures, which is not known here");
    }
    if (network.prediction() != prediction) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "the schedule is of networks that predict %s, this one predicts %s",
              prediction,
              network.prediction()));
    }
    return new Denoiser(network, path, fixed);
  }

  /**
   * The deterministic first-order sampler of the path: Euler steps on the straight one, or DDIM.
   */
  public Sampler sampler() {
    return path instanceof RectifiedFlow ? new EulerOde() : new Ddim();
  }
}
