package org.peltast.distill.dmd;

import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.peltast.tensor.Tensor;

/**
 * The mean–variance divergence, the simplest regulariser (equation 7): {@code KL(N(μ_i, σ_i²) ‖
 * N(μ*, σ*²))} of each generated image's mean and variance from those of real data, averaged over
 * the batch.
 *
 * @param target μ* and σ*² in the space of {@code seen}; asked for in every update, so that a run
 *     can measure them before its first
 * @param seen what the moments are taken of: the latents themselves, or the pictures decoded from
 *     them, [B, C, H, W] in the latents' graph
 */
public record MeanVariance(Supplier<Moments> target, UnaryOperator<Tensor> seen) implements Term {
  /** The name in recipes and logs. */
  public static final String NAME = "meanVariance";

  /**
   * First and second moment of an image, averaged over real data.
   *
   * @param mean μ*, the average of an image's mean
   * @param variance σ*², the average of an image's variance, positive
   */
  public record Moments(double mean, double variance) {
    /** Checks the range. */
    public Moments {
      if (!Double.isFinite(mean) || !(variance > 0 && Double.isFinite(variance))) {
        throw new IllegalArgumentException(
            "the target variance must be positive and the mean finite");
      }
    }
  }

  /** Of the latents, towards given moments. */
  public MeanVariance(double mean, double variance) {
    this(new Moments(mean, variance));
  }

  private MeanVariance(Moments given) {
    this(() -> given, UnaryOperator.identity());
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
    Moments real = target.get();
    Tensor of = seen.apply(images);
    Tensor mu = of.mean(false, 1, 2, 3); // [B]
    Tensor sigma2 = of.variance(false, 1, 2, 3); // [B]
    Tensor spread = sigma2.add(mu.sub(real.mean()).square()).div(real.variance());
    return spread.sub(sigma2.div(real.variance()).log()).sub(1).mean().mul(0.5);
  }

  @Override
  public Supplier<Contribution> ask(View view) {
    return () -> new Contribution.Loss(divergence(view.images()));
  }
}
