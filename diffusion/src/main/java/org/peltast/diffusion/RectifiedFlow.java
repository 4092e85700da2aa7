package org.peltast.diffusion;

import org.peltast.tensor.Tensor;

/** The straight path {@code x_t = t·x₀ + (1 − t)·ε}, with velocity {@code x₀ − ε}. */
public record RectifiedFlow() implements NoisePath {
  @Override
  public Tensor signal(Tensor t, Tensor like) {
    return NoisePath.broadcast(t, like);
  }

  @Override
  public Tensor noise(Tensor t, Tensor like) {
    return NoisePath.broadcast(t, like).neg().add(1);
  }

  @Override
  public Tensor target(Prediction kind, Tensor clean, Tensor noise, Tensor t) {
    return switch (kind) {
      case VELOCITY -> clean.sub(noise);
      case EPSILON -> noise;
      case SAMPLE -> clean;
    };
  }

  @Override
  public Tensor clean(Prediction kind, Tensor answer, Tensor xt, Tensor t) {
    return switch (kind) {
      case VELOCITY -> xt.add(answer.mul(noise(t, xt)));
      case EPSILON -> xt.sub(answer.mul(noise(t, xt))).div(signal(t, xt));
      case SAMPLE -> answer;
    };
  }
}
