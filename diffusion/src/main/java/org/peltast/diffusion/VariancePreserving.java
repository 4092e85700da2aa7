package org.peltast.diffusion;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;

/**
 * The discrete variance-preserving path of Stable Diffusion: {@code x = √ᾱ·x₀ + √(1 − ᾱ)·ε} with ᾱ
 * the running product of 1 − β over N steps, β "scaled linear". Network time t ∈ [0, 1] stands for
 * the timestep {@code n = (1 − t)·N − 1}, so that t = 0 is the noisiest, n = N − 1, and t = 1 − 1/N
 * is n = 0. Between timesteps the noise level σ = √((1 − ᾱ)/ᾱ) is interpolated, as diffusers' Euler
 * scheduler does; beyond the last it falls to 0 at t = 1.
 *
 * @param steps N, 1000 for SDXL
 * @param betaStart β of the cleanest step
 * @param betaEnd β of the noisiest step
 */
public record VariancePreserving(int steps, double betaStart, double betaEnd) implements NoisePath {
  /** SDXL's: 1000 steps, 0.00085 … 0.012. */
  public static final VariancePreserving SDXL = new VariancePreserving(1000, 0.00085, 0.012);

  /** Checks the ranges. */
  public VariancePreserving {
    if (steps < 2 || !(betaStart > 0 && betaStart <= betaEnd && betaEnd < 1)) {
      throw new DiffusionException(
          "a variance-preserving path needs 2 or more steps and 0 < βstart ≤ βend < 1, got "
              + steps
              + ", "
              + betaStart
              + ", "
              + betaEnd);
    }
  }

  /** ᾱ of a whole timestep n in [0, N). */
  public double alphaBar(int n) {
    double product = 1;
    double a = Math.sqrt(betaStart);
    double b = Math.sqrt(betaEnd);
    for (int i = 0; i <= n; i++) {
      double root = a + (b - a) * i / (steps - 1);
      product *= 1 - root * root;
    }
    return product;
  }

  /** The timestep, possibly fractional, of a network time. */
  public double timestep(double t) {
    return (1 - t) * steps - 1;
  }

  /** The network time of a timestep. */
  public double time(double timestep) {
    return 1 - (timestep + 1) / steps;
  }

  /** ᾱ of a network time. */
  public double alphaBarAt(double t) {
    double n = timestep(t);
    if (n <= -1) {
      return 1;
    }
    int low = (int) Math.floor(n);
    if (n == low && low >= 0) {
      return alphaBar(Math.min(low, steps - 1));
    }
    double below = low < 0 ? 0 : sigma(low);
    double above = sigma(Math.min(low + 1, steps - 1));
    double sigma = below + (above - below) * (n - low);
    return 1 / (1 + sigma * sigma);
  }

  /** σ of a whole timestep: noise to signal, √((1 − ᾱ)/ᾱ). */
  private double sigma(int n) {
    double alphaBar = alphaBar(n);
    return Math.sqrt((1 - alphaBar) / alphaBar);
  }

  private Tensor table(Tensor t, Tensor like, boolean signal) {
    float[] times = t.toFloats();
    float[] out = new float[times.length];
    for (int i = 0; i < out.length; i++) {
      double alphaBar = alphaBarAt(times[i]);
      out[i] = (float) Math.sqrt(signal ? alphaBar : 1 - alphaBar);
    }
    return NoisePath.broadcast(Tensor.of(out, out.length).to(DType.FLOAT32).to(t.device()), like);
  }

  @Override
  public Tensor signal(Tensor t, Tensor like) {
    return table(t, like, true);
  }

  @Override
  public Tensor noise(Tensor t, Tensor like) {
    return table(t, like, false);
  }

  @Override
  public Tensor target(Prediction kind, Tensor clean, Tensor noise, Tensor t) {
    return switch (kind) {
      case VELOCITY -> noise.mul(signal(t, clean)).sub(clean.mul(noise(t, clean)));
      case EPSILON -> noise;
      case SAMPLE -> clean;
    };
  }

  @Override
  public Tensor clean(Prediction kind, Tensor answer, Tensor xt, Tensor t) {
    return switch (kind) {
      case VELOCITY -> xt.mul(signal(t, xt)).sub(answer.mul(noise(t, xt)));
      case EPSILON -> xt.sub(answer.mul(noise(t, xt))).div(signal(t, xt));
      case SAMPLE -> answer;
    };
  }
}
