package org.peltast.distill.dmd;

import java.util.List;
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
 * A discriminator after the paper's: light heads on the teacher's features, which learn to tell
 * real images from the generator's, both re-noised. The paper initialises its discriminator from
 * the teacher's weights and does not say which of them learn; here they stay frozen and the heads
 * learn.
 */
public final class TeacherCritic extends Learner {
  private final Discriminator discriminator;
  private final Role head;
  private final int updates;
  private final double weight;

  /**
   * A discriminator that learns by itself.
   *
   * @param head the role of its head
   * @param updates after each of the generator's
   * @param weight of its loss, positive
   */
  public TeacherCritic(Discriminator discriminator, Role head, int updates, double weight) {
    if (updates < 1 || !(weight > 0 && weight <= 1e6)) {
      throw new IllegalArgumentException(
          "a discriminator needs at least one update and a weight from above 0 to 1000000");
    }
    this.discriminator = discriminator;
    this.head = head;
    this.updates = updates;
    this.weight = weight;
  }

  @Override
  Phase phase(GeneratorPhase generator) {
    return new Phase() {
      @Override
      public String name() {
        return "discriminator";
      }

      @Override
      public List<Role> trains() {
        return List.of(head);
      }

      @Override
      public int repeats() {
        return updates;
      }

      @Override
      public boolean active() {
        return generator.pushes(Adversary.NAME);
      }

      @Override
      public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
        Batch batch = part.batch();
        Network.Text text = discriminator.trunk().network().read(batch.condition());
        Tensor shown = part.kept(GeneratorPhase.IMAGES);
        return discriminator
            .loss(batch.images(), shown, text, batch, rng.fork("adversary"), metrics)
            .mul(weight);
      }
    };
  }
}
