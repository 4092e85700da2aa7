package org.peltast.diffusion;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/**
 * DDIM with η = 0 (Song et al., 2021): keeps the implied noise and moves to the next time, {@code x
 * ← a(t')·x₀ + b(t')·ε}. On the straight path this is the Euler step.
 */
public record Ddim() implements Sampler {
  @Override
  public Tensor step(NoisePath path, Tensor x, Tensor clean, double t, double next, Tensor noise) {
    if (next >= 1) {
      return clean;
    }
    Tensor now = Tensor.full(t, DType.FLOAT32, x.device(), x.size(0));
    Tensor then = Tensor.full(next, DType.FLOAT32, x.device(), x.size(0));
    return path.mix(clean, path.noiseOf(clean, x, now), then);
  }

  @Override
  public boolean isStochastic() {
    return false;
  }
}
