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
public record NoiseSchedule(NoisePath path, Prediction prediction, TimeShift shift) {
  /** Rectified flow with velocity prediction: Z-Image, Lumina 2, SD3, FLUX. */
  public static NoiseSchedule flow(TimeShift shift) {
    return new NoiseSchedule(new RectifiedFlow(), Prediction.VELOCITY, shift);
  }

  /**
   * A network under this path and shift.
   *
   * @throws DiffusionException if it predicts something else
   */
  public Denoiser denoiser(Network network) {
    if (network.prediction() != prediction) {
      throw new DiffusionException(
          String.format(
              Locale.ROOT,
              "the schedule is of networks that predict %s, this one predicts %s",
              prediction,
              network.prediction()));
    }
    return new Denoiser(network, path, shift);
  }

  /**
   * The deterministic first-order sampler of the path: Euler steps on the straight one, or DDIM.
   */
  public Sampler sampler() {
    return path instanceof RectifiedFlow ? new EulerOde() : new Ddim();
  }
}
