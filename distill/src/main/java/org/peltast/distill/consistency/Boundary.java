package org.peltast.distill.consistency;

import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.NoisePath;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.tensor.DType;
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
    Tensor tau = // in double precision, as 10·n of a float32 time is
        t.to(DType.FLOAT64).neg().add(1).mul(vp.steps()).sub(1).clamp(0, vp.steps()).mul(SCALE);
    Tensor sum = tau.square().add(SIGMA * SIGMA);
    Tensor skip = sum.pow(-1).mul(SIGMA * SIGMA);
    Tensor out = tau.div(sum.sqrt());
    return z.mul(perItem(skip, z)).add(clean.mul(perItem(out, z)));
  }

  private static Tensor perItem(Tensor values, Tensor like) {
    return NoisePath.broadcast(values.to(DType.FLOAT32), like);
  }
}
