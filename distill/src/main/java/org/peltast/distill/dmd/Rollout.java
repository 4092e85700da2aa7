package org.peltast.distill.dmd;

import java.util.Locale;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Renoise;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.Batch;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Backward simulation (DMD2, §4.5): the generator's own path to a step drawn uniformly, walked
 * without gradient by predicting the clean image and noising it afresh, so that in training it
 * meets the inputs that it will meet in use.
 *
 * @param grid the generator's steps
 * @param fixed the only step that is trained, or −1 to draw one uniformly
 */
public record Rollout(StepGrid grid, int fixed) {
  /** Checks the range. */
  public Rollout {
    if (fixed < -1 || fixed >= grid.size()) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "there is no step %d among %d", fixed, grid.size()));
    }
  }

  /** Every step alike. */
  public Rollout(StepGrid grid) {
    this(grid, -1);
  }

  /**
   * The generator's input at a step.
   *
   * @param preShift the pre-shift time of the step
   * @param time [B] the network's time
   * @param xt [B, C, H, W]
   */
  public record Start(double preShift, Tensor time, Tensor xt) {}

  /** The step of an update, the same for a whole batch (and for every process of a run). */
  public int draw(Rng rng) {
    return fixed >= 0 ? fixed : rng.fork("step").below(grid.size());
  }

  /**
   * Walks to step k.
   *
   * @param text the captions as the generator reads them; no gradient flows back through the walk
   */
  public Start walk(Denoiser generator, Network.Text text, Batch batch, int k, Rng rng) {
    Rng noise = rng.fork("walk");
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor x = batch.noise(noise.fork(0));
      for (int j = 0; j < k; j++) {
        double t = generator.shift().apply(grid.time(j));
        double next = generator.shift().apply(grid.time(j + 1));
        Tensor clean = generator.clean(x, generator.at(grid.time(j), x), text);
        x =
            new Renoise()
                .step(generator.path(), x, clean, t, next, batch.noise(noise.fork(j + 1L)));
      }
      return new Start(
          grid.time(k), scope.release(generator.at(grid.time(k), x)), scope.release(x));
    }
  }
}
