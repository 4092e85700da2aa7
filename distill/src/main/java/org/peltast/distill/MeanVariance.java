package org.peltast.distill;

import org.peltast.tensor.Tensor;

/**
 * The simplest shield (equation 7): the divergence of each image's mean and variance from those of
 * real data, {@code KL(N(μ_i, σ_i²) ‖ N(μ*, σ*²))}, averaged over the batch.
 *
 * @param mean μ*, the average over real data of an image's mean
 * @param variance σ*², the average over real data of an image's variance
 */
public record MeanVariance(double mean, double variance) implements Regulariser {
  /** Checks the range. */
  public MeanVariance {
    if (!Double.isFinite(mean) || !(variance > 0)) {
      throw new IllegalArgumentException(
          "the target variance must be positive and the mean finite");
    }
  }

  /** Equation 7 for images [B, C, H, W]: rank 0. */
  Tensor divergence(Tensor images) {
    Tensor mu = images.mean(false, 1, 2, 3); // [B]
    Tensor sigma2 = images.variance(false, 1, 2, 3); // [B]
    Tensor spread = sigma2.add(mu.sub(mean).square()).div(variance);
    return spread.sub(sigma2.div(variance).log()).sub(1).mean().mul(0.5);
  }

  @Override
  public Pull begin(Questions teacher, View view) {
    Tensor loss = divergence(view.images());
    return new Pull() {
      @Override
      public Tensor loss() {
        return loss;
      }
    };
  }
}
