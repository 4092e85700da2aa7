package org.peltast.diffusion;

import org.peltast.tensor.Tensor;

/**
 * How clean data x₀ and noise ε are mixed at time t, {@code x_t = a(t)·x₀ + b(t)·ε}, and everything
 * that follows from it. Time runs as in the paper: t = 0 is pure noise, t = 1 is clean.
 *
 * <p>This is the one owner of conversions between clean image, velocity and noise. All tensors are
 * float32 [B, ...]; t is float32 [B] on the same device.
 */
public sealed interface NoisePath permits RectifiedFlow, VariancePreserving {
  /** The weight a(t) of the clean data, [B, 1, …] to broadcast against {@code like}. */
  Tensor signal(Tensor t, Tensor like);

  /** The weight b(t) of the noise, [B, 1, …] to broadcast against {@code like}. */
  Tensor noise(Tensor t, Tensor like);

  /** {@code x_t = a·x₀ + b·ε}. */
  default Tensor mix(Tensor clean, Tensor noise, Tensor t) {
    return clean.mul(signal(t, clean)).add(noise.mul(noise(t, clean)));
  }

  /** What a network of the given kind should answer at {@code x_t = mix(clean, noise, t)}. */
  Tensor target(Prediction kind, Tensor clean, Tensor noise, Tensor t);

  /** The clean image that a network's answer at (x_t, t) implies. */
  Tensor clean(Prediction kind, Tensor answer, Tensor xt, Tensor t);

  /** The noise that a clean image implies at (x_t, t): {@code (x_t − a·x₀)/b}; b must not be 0. */
  default Tensor noiseOf(Tensor clean, Tensor xt, Tensor t) {
    return xt.sub(clean.mul(signal(t, xt))).div(noise(t, xt));
  }

  /** t [B] as [B, 1, …, 1] of the rank of {@code like}. */
  static Tensor broadcast(Tensor t, Tensor like) {
    if (t.rank() != 1 || like.rank() < 1 || t.size(0) != like.size(0)) {
      throw new DiffusionException("times " + t + " do not fit the batch of " + like);
    }
    long[] shape = new long[like.rank()];
    java.util.Arrays.fill(shape, 1);
    shape[0] = t.size(0);
    return t.reshape(shape);
  }
}
