package org.peltast.distill.adversarial;

import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Network;
import org.peltast.distill.Batch;
import org.peltast.distill.Metrics;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * A diffusion discriminator: light heads on a denoiser's intermediate features at re-noised images
 * (diffusion-GAN; DMD2's classifier on the fake model, the paper's on the frozen teacher). Which of
 * the two learns is a matter of roles: its trunk is frozen where no phase trains it.
 */
public final class Discriminator {
  /**
   * Settings of a discriminator: its loss, the times at which it judges, and its penalty.
   *
   * @param loss softplus or hinge
   * @param low the noisiest pre-shift time at which images are judged, in [0, high)
   * @param high the cleanest, at most 1
   * @param r1 the weight of the approximate R1 penalty {@code ‖D(x) − D(x + σn)‖²} on real images
   *     (Lin et al., 2025), which needs no second derivative; 0 leaves it out
   * @param r1Sigma its σ
   */
  public record Settings(AdversarialLoss loss, double low, double high, double r1, double r1Sigma) {
    /** Checks the ranges. */
    public Settings {
      if (!(low >= 0 && low < high && high <= 1)
          || !(r1 >= 0 && r1 <= 1e6)
          || !(r1Sigma > 0 && r1Sigma <= 100)) {
        throw new IllegalArgumentException(
            "a discriminator's times must be in order in [0, 1], its R1 weight from 0 to 1000000"
                + " and R1's sigma positive");
      }
    }

    /** DMD2's: softplus, over all times, without a penalty. */
    public static Settings dmd2() {
      return new Settings(AdversarialLoss.SOFTPLUS, 0, 1, 0, 0.01);
    }
  }

  private final Denoiser trunk;
  private final FeatureTaps network;
  private final DiscriminatorHead head;
  private final Settings settings;

  /**
   * A discriminator.
   *
   * @param trunk whose network has {@link FeatureTaps}
   * @throws IllegalArgumentException if the network has none
   */
  public Discriminator(Denoiser trunk, DiscriminatorHead head, Settings settings) {
    if (!(trunk.network() instanceof FeatureTaps taps)) {
      throw new IllegalArgumentException(
          "this network offers no intermediate features for a discriminator");
    }
    this.trunk = trunk;
    this.network = taps;
    this.head = head;
    this.settings = settings;
  }

  /** The denoiser whose features it reads. */
  public Denoiser trunk() {
    return trunk;
  }

  /**
   * The discriminator's loss, of rank 0.
   *
   * @param real clean latents [B, C, h, w]
   * @param generated as many of the generator's, detached
   * @param text the captions as the trunk reads them
   */
  public Tensor loss(
      Tensor real, Tensor generated, Network.Text text, Batch batch, Rng rng, Metrics metrics) {
    Noised seen = noise(real, batch, rng.fork("real"));
    Tensor onReal = logits(seen, text);
    Tensor onFake = logits(noise(generated, batch, rng.fork("fake")), text);
    metrics.mean("logit.real", onReal.mean());
    metrics.mean("logit.fake", onFake.mean());
    Tensor loss = settings.loss().ofReal(onReal).mean().add(settings.loss().ofFake(onFake).mean());
    metrics.mean("discriminatorLoss", loss);
    if (settings.r1() == 0) {
      return loss;
    }
    Tensor moved = seen.xt().add(batch.noise(rng.fork("r1")).mul(settings.r1Sigma()));
    Tensor penalty = logits(new Noised(moved, seen.time()), text).sub(onReal).square().mean();
    metrics.mean("r1", penalty);
    return loss.addScaled(penalty, settings.r1());
  }

  /** The generator's loss at its images [B, C, h, w], in their graph: rank 0. */
  public Tensor generatorLoss(Tensor images, Network.Text text, Batch batch, Rng rng) {
    return settings.loss().ofGenerator(logits(noise(images, batch, rng), text)).mean();
  }

  /** Images noised at the network's times. */
  private record Noised(Tensor xt, Tensor time) {}

  private Noised noise(Tensor images, Batch batch, Rng rng) {
    Tensor time =
        batch.numbers(
            rng.fork("time"), r -> trunk.shift().apply(r.uniform(settings.low(), settings.high())));
    return new Noised(trunk.path().mix(images, batch.noise(rng.fork("noise")), time), time);
  }

  private Tensor logits(Noised at, Network.Text text) {
    return head.logits(network.features(at.xt(), at.time(), text, head.taps()));
  }
}
