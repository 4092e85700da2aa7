package org.peltast.distill.dmd;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.distill.Batch;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.distill.adversarial.Discriminator;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * The fake model: it follows the generator by the ordinary denoising loss on the generator's
 * images, conditional, without guidance, at uniform τ over the whole range but the schedule's
 * margin. In DMD2 a discriminator's head stands on its features and learns in the same phase.
 *
 * <p>Learning is apart from pushing: the fake learns while {@link DistributionMatching} or {@link
 * Adversary} have a positive weight, or always as an observer (the paper's Fig. 4b).
 */
public final class FakeModel extends Learner {
  /** Which of the generator's images it learns from. */
  public enum Images {
    /** Those of the generator's own phase. */
    KEPT,
    /** Rollouts of its own for the same captions. */
    FRESH,
    /** Rollouts of its own for captions of its own (DMD2's {@code guidance_dataloader}). */
    FRESH_CAPTIONS
  }

  /** A discriminator on the fake's features, whose head learns with it. */
  private record Critic(Discriminator discriminator, Role head, double weight) {}

  private final Denoiser fake;
  private final Role role;
  private final int updates;
  private final Images images;
  private final boolean observes;
  private @Nullable Critic critic;

  /**
   * A fake model.
   *
   * @param fake starts as a copy of the teacher; its network's weights are the role's
   * @param updates fake updates a generator update
   * @param images what it learns from
   * @param observes whether it also learns when it pushes nothing
   */
  public FakeModel(Denoiser fake, Role role, int updates, Images images, boolean observes) {
    if (updates < 1 || updates > 1000) {
      throw new IllegalArgumentException(
          "fake updates per generator update must be from 1 to 1000, got " + updates);
    }
    this.fake = fake;
    this.role = role;
    this.updates = updates;
    this.images = images;
    this.observes = observes;
  }

  /**
   * The same with a discriminator on its features.
   *
   * @param discriminator whose trunk is the fake
   * @param head the role of the discriminator's head
   * @param weight of the discriminator's loss beside the denoising loss, positive
   */
  public FakeModel with(Discriminator discriminator, Role head, double weight) {
    if (!(weight > 0 && weight <= 1e6)) {
      throw new IllegalArgumentException(
          "the discriminator's weight must be more than 0 and at most 1000000, got " + weight);
    }
    FakeModel same = new FakeModel(fake, role, updates, images, observes);
    same.critic = new Critic(discriminator, head, weight);
    return same;
  }

  @Override
  Phase phase(GeneratorPhase generator) {
    return new Denoising(generator);
  }

  private final class Denoising implements Phase {
    private final GeneratorPhase generator;

    Denoising(GeneratorPhase generator) {
      this.generator = generator;
    }

    @Override
    public String name() {
      return "fake";
    }

    @Override
    public List<Role> trains() {
      List<Role> roles = new ArrayList<>();
      roles.add(role);
      if (critic != null) {
        roles.add(critic.head());
      }
      return roles;
    }

    @Override
    public int repeats() {
      return updates;
    }

    @Override
    public Data data() {
      return images == Images.FRESH_CAPTIONS ? Data.OWN : Data.SHARED;
    }

    @Override
    public boolean active() {
      return observes
          || generator.pushes(DistributionMatching.NAME)
          || (critic != null && generator.pushes(Adversary.NAME));
    }

    @Override
    public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
      Batch batch = part.batch();
      Tensor shown =
          images == Images.KEPT ? part.kept(GeneratorPhase.IMAGES) : generator.generate(batch, rng);
      Renoising.Draw draw = generator.renoising().full(batch, fake.shift(), rng.fork("learning"));
      Network network = fake.network();
      Tensor xt = fake.path().mix(shown, draw.noise(), draw.time());
      Tensor target = fake.path().target(network.prediction(), shown, draw.noise(), draw.time());
      Network.Text text = network.read(batch.condition());
      Tensor loss = network.forward(xt, draw.time(), text).sub(target).square().mean();
      metrics.mean("fakeLoss", loss);
      Critic judging = critic;
      if (judging == null) {
        return loss;
      }
      Tensor against =
          judging
              .discriminator()
              .loss(batch.images(), shown, text, batch, rng.fork("adversary"), metrics);
      return loss.addScaled(against, judging.weight());
    }
  }
}
