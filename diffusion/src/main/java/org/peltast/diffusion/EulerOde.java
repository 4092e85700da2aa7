package org.peltast.diffusion;

import org.peltast.tensor.Tensor;

/**
 * Euler steps along the probability-flow ODE of the straight path: {@code x ← x + (t' − t)·v} with
 * {@code v = (x₀ − x)/(1 − t)}.
 */
public record EulerOde() implements Sampler {
  @Override
  public Tensor step(NoisePath path, Tensor x, Tensor clean, double t, double next, Tensor noise) {
    if (!(path instanceof RectifiedFlow)) {
      throw new DiffusionException(
          "Euler steps follow rectified flow; for variance-preserving models use DDIM");
    }
    if (next >= 1) {
      return clean;
    }
    // x + (t' − t)/(1 − t)·(x₀ − x)
    return x.addScaled(clean.sub(x), (next - t) / (1 - t));
  }

  @Override
  public boolean isStochastic() {
    return false;
  }
}
