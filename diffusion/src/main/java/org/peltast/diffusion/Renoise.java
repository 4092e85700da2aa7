package org.peltast.diffusion;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/**
 * The few-step sampler: predict the clean image, then noise it afresh to the next time. It is how a
 * distilled generator is trained (backward simulation) and run.
 */
public record Renoise() implements Sampler {
  @Override
  public Tensor step(NoisePath path, Tensor x, Tensor clean, double t, double next, Tensor noise) {
    if (next >= 1) {
      return clean;
    }
    return path.mix(clean, noise, Tensor.full(next, DType.FLOAT32, x.device(), x.size(0)));
  }

  @Override
  public boolean isStochastic() {
    return true;
  }
}
