package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.peltast.diffusion.Network;
import org.peltast.distill.adversarial.Discriminator;

/**
 * An adversary as a term of the generator: the loss that a {@link Discriminator} gives the
 * generator's images, re-noised. The discriminator is frozen while the generator learns.
 *
 * @param discriminator on the fake's features (DMD2), or on the frozen teacher's (the paper)
 */
public record Adversary(Discriminator discriminator) implements Term {
  /** The name in recipes and logs. */
  public static final String NAME = "gan";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public boolean isDirection() {
    return false;
  }

  @Override
  public Supplier<Contribution> ask(View view) {
    return () -> {
      Network.Text text = discriminator.trunk().network().read(view.batch().condition()).detached();
      return new Contribution.Loss(
          discriminator.generatorLoss(
              view.images(), text, view.batch(), view.rng().fork("adversary")));
    };
  }
}
