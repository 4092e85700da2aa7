package org.peltast.diffusion;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Walks from noise to an image. */
public sealed interface Sampler permits EulerOde, Ddim, Renoise {
  /**
   * One step: from x at step k's time to x at the next step's.
   *
   * @param x [B, C, H, W] at the network's time t
   * @param clean [B, C, H, W] the predicted clean image there
   * @param t the network's time now
   * @param next the network's time afterwards; 1 after the last step
   * @param noise fresh noise like x, for samplers that use it
   */
  Tensor step(NoisePath path, Tensor x, Tensor clean, double t, double next, Tensor noise);

  /** Whether {@link #step} uses its noise. */
  boolean isStochastic();

  /** The noise of step k, like the images: a function of the run's seed, asked for once a step. */
  interface NoiseSource {
    /** Standard normal [B, C, H, W] for use after step k. */
    Tensor at(int k);
  }

  /** Sees each step's prediction; for pictures of a trajectory. */
  interface Watcher {
    /** After step k: x before it, and the clean image predicted from it. */
    void saw(int k, Tensor x, Tensor clean);
  }

  /**
   * Samples images without recording gradients.
   *
   * @param start standard normal [B, C, H, W], multiplied by {@link StepGrid#startScale}
   * @param text the B captions
   * @param empty B empty captions; needed when guidance is on
   * @return [B, C, H, W], owned by the caller's scope
   */
  default Tensor sample(
      Denoiser denoiser,
      StepGrid grid,
      Guidance guidance,
      Tensor start,
      Network.Text text,
      Network.@Nullable Text empty,
      NoiseSource noise,
      @Nullable Watcher watcher) {
    if (guidance.isOn() && empty == null) {
      throw new DiffusionException("guidance needs the empty caption's text");
    }
    Network.Text both = guidance.isOn() && empty != null ? text.followedBy(empty) : text;
    try (Scope outer = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor x = grid.startScale() == 1 ? start : start.mul(grid.startScale());
      for (int k = 0; k < grid.size(); k++) {
        double t = denoiser.shift().apply(grid.time(k));
        double next = denoiser.shift().apply(grid.time(k + 1));
        try (Scope scope = Scope.open()) {
          Tensor times = Tensor.full(t, DType.FLOAT32, x.device(), x.size(0));
          Tensor answer =
              guidance.isOn(k, grid.size(), t)
                  ? guided(denoiser.network(), guidance, x, times, both)
                  : denoiser.network().forward(x, times, text);
          Tensor clean = denoiser.path().clean(denoiser.network().prediction(), answer, x, times);
          if (watcher != null) {
            watcher.saw(k, x, clean);
          }
          Tensor fresh = isStochastic() && next < 1 ? noise.at(k) : x;
          x = outer.keep(step(denoiser.path(), x, clean, t, next, fresh));
        }
      }
      return outer.release(x);
    }
  }

  /** The network's guided answer, conditional and unconditional in one batch. */
  private static Tensor guided(
      Network network, Guidance guidance, Tensor x, Tensor times, Network.Text both) {
    List<Tensor> halves =
        network
            .forward(Tensor.cat(List.of(x, x), 0), Tensor.cat(List.of(times, times), 0), both)
            .chunk(2, 0);
    return guidance.guided(halves.get(0), halves.get(1));
  }
}
