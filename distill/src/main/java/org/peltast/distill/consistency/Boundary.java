package org.peltast.distill.consistency;

import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.NoisePath;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.tensor.Tensor;

/**
 * The boundary parametrisation of a consistency function: {@code f(z, t) = c_skip(t)·z + c_out(t)·
 * x₀(z, t)}, which is z itself at the cleanest time.
 *
 * <p>On a flow path {@code x₀ = z + (1 − t)·v} has that property already, so c_skip = 0 and c_out =
 * 1. On a variance-preserving path they are LCM's: with τ = 10·n of the timestep n and σ = 0.5,
 * {@code c_skip = σ²/(τ² + σ²)} and {@code c_out = τ/√(τ² + σ²)}.
 */
final class Boundary {
  private static final double SIGMA = 0.5;
  private static final double SCALE = 10;

  private Boundary() {}

  /** The cleanest network time at which the function is asked. */
  static double cleanest(NoisePath path) {
    return path instanceof VariancePreserving vp ? vp.time(0) : 1;
  }

  /**
   * The function's value.
   *
   * @param z [B, C, H, W]
   * @param clean [B, C, H, W], the denoiser's prediction at z
   * @param t [B] float32, the network's time
   */
  static Tensor apply(Denoiser denoiser, Tensor z, Tensor clean, Tensor t) {
    if (!(denoiser.path() instanceof VariancePreserving vp)) {
      return clean;
    }
    float[] times = t.toFloats();
    float[] skip = new float[times.length];
    float[] out = new float[times.length];
    for (int i = 0; i < times.length; i++) {
      double tau = SCALE * Math.max(0, vp.timestep(times[i]));
      skip[i] = (float) (SIGMA * SIGMA / (tau * tau + SIGMA * SIGMA));
      out[i] = (float) (tau / Math.sqrt(tau * tau + SIGMA * SIGMA));
    }
    return z.mul(perItem(skip, z)).add(clean.mul(perItem(out, z)));
  }

  private static Tensor perItem(float[] values, Tensor like) {
    return NoisePath.broadcast(Tensor.of(values, values.length).to(like.device()), like);
  }
}
