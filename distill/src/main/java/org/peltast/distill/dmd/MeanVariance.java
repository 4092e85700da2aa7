package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.peltast.tensor.Tensor;

/**
 * The mean–variance divergence, the simplest regulariser (equation 7): {@code KL(N(μ_i, σ_i²) ‖
 * N(μ*, σ*²))} of each generated image's mean and variance from those of real data, averaged over
 * the batch.
 *
 * @param mean μ*, the average over real data of an image's mean
 * @param variance σ*², the average over real data of an image's variance
 */
public record MeanVariance(double mean, double variance) implements Term {
  /** The name in recipes and logs. */
  public static final String NAME = "meanVariance";

  /** Checks the range. */
  public MeanVariance {
    if (!Double.isFinite(mean) || !(variance > 0)) {
      throw new IllegalArgumentException(
          "the target variance must be positive and the mean finite");
    }
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public boolean isDirection() {
    return false;
  }

  /** Equation 7 for images [B, C, H, W]: rank 0. */
  Tensor divergence(Tensor images) {
    Tensor mu = images.mean(false, 1, 2, 3); // [B]
    Tensor sigma2 = images.variance(false, 1, 2, 3); // [B]
    Tensor spread = sigma2.add(mu.sub(mean).square()).div(variance);
    return spread.sub(sigma2.div(variance).log()).sub(1).mean().mul(0.5);
  }

  @Override
  public Supplier<Contribution> ask(View view) {
    return () -> new Contribution.Loss(divergence(view.images()));
  }
}
