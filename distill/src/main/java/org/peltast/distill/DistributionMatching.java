package org.peltast.distill;

import java.util.List;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Distribution matching (equation 2): {@code x₀_real(x_τ|c) − x₀_fake(x_τ|c)}, where the fake model
 * follows the generator by the ordinary denoising loss on its images, conditional, without
 * guidance.
 */
public final class DistributionMatching implements Regulariser {
  private final Denoiser fake;
  private final Role role;
  private final int updates;

  /**
   * Matches by a fake model.
   *
   * @param fake starts as a copy of the teacher; its network is the role's
   * @param updates fake updates a generator update
   */
  public DistributionMatching(Denoiser fake, Role role, int updates) {
    if (updates < 1) {
      throw new IllegalArgumentException("distribution matching needs at least one fake update");
    }
    this.fake = fake;
    this.role = role;
    this.updates = updates;
  }

  /** The fake model. */
  public Denoiser fake() {
    return fake;
  }

  @Override
  public Pull begin(Questions teacher, View view) {
    Questions.Answer real = teacher.ask(view.draw(), view.teacherText());
    Questions mine = new Questions(fake, view.detached());
    Questions.Answer faked;
    try (Autograd off = Autograd.off()) {
      faked = mine.ask(view.draw(), fake.network().read(view.batch().condition()));
    }
    mine.answer();
    return new Pull() {
      @Override
      public Tensor direction() {
        return real.clean().sub(faked.clean());
      }

      @Override
      public Tensor anchor() {
        return real.clean();
      }
    };
  }

  @Override
  public List<Role> roles() {
    return List.of(role);
  }

  @Override
  public int updates() {
    return updates;
  }

  /** The ordinary denoising loss at uniform τ over the whole range. */
  @Override
  public void learn(Tensor images, Batch batch, double share, Rng rng, Figures figures) {
    Renoising.Draw draw = Renoising.uniform(0, batch, fake.shift(), rng);
    Network network = fake.network();
    Tensor xt = fake.path().mix(images, draw.noise(), draw.time());
    Tensor target = fake.path().target(network.prediction(), images, draw.noise(), draw.time());
    Tensor answer = network.forward(xt, draw.time(), network.read(batch.condition()));
    Tensor loss = answer.sub(target).square().mean().mul(share);
    figures.addFinite("fakeLoss", 1, loss, "fake's loss");
    loss.backward();
  }

  @Override
  public void step(Method.Progress progress, Figures figures) {
    role.step(progress, figures);
  }

  @Override
  public void close() {
    role.close();
  }
}
