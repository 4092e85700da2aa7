package org.peltast.diffusion;

import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
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
    for (int i = 0; i <= n; i++) {
      product *= 1 - beta(i);
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

  /** σ² of network times [B], as {@link #alphaBarAt} has it, where they are: [B] float64. */
  private Tensor levels(Tensor t) {
    double[] whole = new double[steps + 1]; // σ of n = −1 … N − 1
    double product = 1;
    double[] places = new double[steps + 1];
    places[0] = -1;
    for (int n = 0; n < steps; n++) {
      product *= 1 - beta(n);
      whole[n + 1] = Math.sqrt((1 - product) / product);
      places[n + 1] = n;
    }
    // Each timestep's share in a number between two of them: no index, for which the host would
    // have to wait.
    Tensor n = t.to(DType.FLOAT64).neg().add(1).mul(steps).sub(1).clamp(-1, steps - 1.0);
    Tensor away = n.unsqueeze(1).sub(Tensor.of(places, 1, places.length).to(t.device())).abs();
    Tensor shares = away.neg().add(1).clamp(0, 1); // [B, N + 1]
    return shares.matmul(Tensor.of(whole, whole.length, 1).to(t.device())).reshape(-1).square();
  }

  private double beta(int n) {
    double a = Math.sqrt(betaStart);
    double root = a + (Math.sqrt(betaEnd) - a) * n / (steps - 1);
    return root * root;
  }

  private Tensor table(Tensor t, Tensor like, boolean signal) {
    return Scope.compute(
        () -> {
          Tensor levels = levels(t); // ᾱ = 1/(1 + σ²)
          Tensor whole = levels.add(1);
          Tensor share = signal ? whole.pow(-1) : levels.div(whole);
          return NoisePath.broadcast(share.sqrt().to(DType.FLOAT32), like);
        });
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
