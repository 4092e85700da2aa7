package org.peltast.distill.dmd;

import java.util.List;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.distill.Appearance;
import org.peltast.distill.Method;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.distill.TermWeights;
import org.peltast.distill.adversarial.Discriminator;

/**
 * Improved distribution matching distillation (DMD2: Yin et al., 2024), complete: the distribution
 * matching gradient under guidance, a GAN loss from a discriminator's head on the fake model's
 * features, backward simulation, and several fake updates for each of the generator's, each on
 * captions and rollouts of its own.
 *
 * <p>DMD2's gradient {@code (x̂ − x₀_real,cfg) − (x̂ − x₀_fake)} over {@code mean |x̂ −
 * x₀_real,cfg|} is CA + DM at one shared (τ, ε) under the shared normaliser (equations 5 and 6), so
 * it is written as those two terms. With another {@link Renoising} this is the paper's Table 2:
 * DMD2's exact configuration, in which only the re-noising is replaced.
 */
public final class Dmd2 implements Method {
  /**
   * Settings of DMD2: guidance, re-noising schedule, fake updates and the weights of its GAN.
   *
   * @param guidance the teacher's α
   * @param renoising DMD2's is {@link Renoising#COUPLED_SHARED}
   * @param fakeUpdates for each generator update
   * @param ganGenerator the weight of the GAN loss beside the gradient, ≥ 0
   * @param ganDiscriminator the weight of the discriminator's loss beside the fake's, positive
   */
  public record Settings(
      Guidance guidance,
      Renoising renoising,
      int fakeUpdates,
      double ganGenerator,
      double ganDiscriminator) {}

  private final DecoupledDmd method;

  /**
   * Distils.
   *
   * @param teacher frozen
   * @param student starts as a copy of the teacher
   * @param fake starts as a copy of the teacher
   * @param discriminator whose trunk is the fake
   * @param roles of student, fake and the discriminator's head
   */
  public Dmd2(
      Settings settings,
      Denoiser teacher,
      Denoiser student,
      Denoiser fake,
      Discriminator discriminator,
      Roles roles,
      Rollout rollout,
      Appearance appearance) {
    FakeModel learner =
        new FakeModel(
                fake, roles.fake(), settings.fakeUpdates(), FakeModel.Images.FRESH_CAPTIONS, false)
            .with(discriminator, roles.head(), settings.ganDiscriminator());
    method =
        new DecoupledDmd(
            teacher,
            student,
            roles.student(),
            rollout,
            settings.renoising(),
            List.of(
                new WeightedTerm(new CfgAugmentation(settings.guidance()), 1, Normaliser.SHARED),
                new WeightedTerm(new DistributionMatching(fake), 1, Normaliser.SHARED),
                new WeightedTerm(new Adversary(discriminator), settings.ganGenerator())),
            List.of(learner),
            appearance);
  }

  /** Who is trained. */
  public record Roles(Role student, Role fake, Role head) {}

  @Override
  public List<Phase> phases() {
    return method.phases();
  }

  @Override
  public TermWeights weights() {
    return method.weights();
  }

  @Override
  public void close() {
    method.close();
  }
}
