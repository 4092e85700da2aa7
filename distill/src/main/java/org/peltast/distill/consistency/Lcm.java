package org.peltast.distill.consistency;

import java.util.List;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.NoisePath;
import org.peltast.distill.Batch;
import org.peltast.distill.Method;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Latent consistency distillation (Luo et al., 2023): the student's answer at a point of the
 * teacher's guided trajectory is to equal the target network's answer one solver step further,
 *
 * <pre>
 *   z_n = a·x₀ + b·ε,   x̂ = u + α(c − u) of the teacher at z_n
 *   z_{n−1} = DDIM(z_n, x̂)
 *   loss = mean( √(‖f_θ(z_n, t_n) − f_θ⁻(z_{n−1}, t_{n−1})‖² + h²) − h )
 * </pre>
 *
 * with f the {@link Boundary} parametrisation, θ⁻ the moving average of the student's weights, a
 * time and a guidance scale for each item, and the pseudo-Huber distance taken for each element. On
 * a flow path the solver's step is Euler's. A student trained so predicts the clean image from any
 * time, and samples by noising it again.
 *
 * <p>LCM's networks take the guidance scale as an input; these do not, so a range of scales trains
 * their average. LCM writes {@code c + w(c − u)}: α = 1 + w.
 */
public final class Lcm implements Method, Phase {
  /**
   * Settings of latent consistency distillation.
   *
   * @param solverSteps K, the teacher's trajectory in equal pre-shift steps; LCM has 50
   * @param alphaLow the smallest guidance scale
   * @param alphaHigh the largest; LCM has 4 to 16 (w from 3 to 15)
   * @param huber h of the pseudo-Huber distance; LCM has 0.001
   */
  public record Settings(int solverSteps, double alphaLow, double alphaHigh, double huber) {
    /** Checks the ranges. */
    public Settings {
      if (solverSteps < 1
          || solverSteps > 10_000
          || !(alphaLow <= alphaHigh && Math.abs(alphaLow) <= 1e4 && Math.abs(alphaHigh) <= 1e4)
          || !(huber > 0 && huber <= 1e4)) {
        throw new IllegalArgumentException(
            "LCM needs 1 to 10000 solver steps, guidance scales in order and a positive huber");
      }
    }
  }

  private final Settings settings;
  private final Denoiser teacher;
  private final Denoiser student;
  private final Denoiser target;
  private final Role role;

  /**
   * Distils.
   *
   * @param teacher frozen
   * @param student starts as a copy of the teacher; its network's weights are the role's
   * @param target the student with the moving average of its weights, or the student itself (as
   *     LCM-LoRA)
   */
  public Lcm(Settings settings, Denoiser teacher, Denoiser student, Denoiser target, Role role) {
    this.settings = settings;
    this.teacher = teacher;
    this.student = student;
    this.target = target;
    this.role = role;
  }

  @Override
  public List<Phase> phases() {
    return List.of(this);
  }

  @Override
  public String name() {
    return "student";
  }

  @Override
  public List<Role> trains() {
    return List.of(role);
  }

  @Override
  public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
    Batch batch = part.batch();
    Tensor alpha =
        batch.numbers(
            rng.fork("guidance"), r -> r.uniform(settings.alphaLow(), settings.alphaHigh()));
    Tensor now = times(batch, rng, 0);
    Tensor then = times(batch, rng, 1);
    NoisePath path = teacher.path();
    Tensor z = path.mix(batch.images(), batch.noise(rng.fork("noise")), now);
    Tensor expected;
    try (Autograd off = Autograd.off()) {
      Tensor clean = guided(batch, z, now, alpha);
      Tensor stepped = path.mix(clean, path.noiseOf(clean, z, now), then);
      expected = consistent(target, stepped, then, target.network().read(batch.condition()));
    }
    Tensor answer = consistent(student, z, now, student.network().read(batch.condition()));
    Tensor loss = pseudoHuber(answer.sub(expected));
    metrics.mean("loss", loss);
    metrics.mean("variance", answer.detach().variance(false, 1, 2, 3).mean());
    return loss;
  }

  /**
   * The network's times [B] of a step of the solver, drawn for each item.
   *
   * @param further so many steps after it
   */
  private Tensor times(Batch batch, Rng rng, int further) {
    double cleanest = Boundary.cleanest(teacher.path());
    return batch.numbers(
        rng.fork("step"),
        r -> {
          double n = 1.0 + r.below(settings.solverSteps());
          double preShift = 1 - (n - further) / settings.solverSteps();
          return Math.min(cleanest, teacher.shift().apply(preShift));
        });
  }

  /** The teacher's guided clean prediction, with a scale for each item. */
  private Tensor guided(Batch batch, Tensor z, Tensor t, Tensor alpha) {
    Network network = teacher.network();
    Network.Text both = network.read(batch.condition()).followedBy(network.read(batch.empty()));
    List<Tensor> halves =
        teacher.clean(Tensor.cat(List.of(z, z), 0), Tensor.cat(List.of(t, t), 0), both).chunk(2, 0);
    Tensor u = halves.get(1);
    return u.add(halves.get(0).sub(u).mul(NoisePath.broadcast(alpha, u)));
  }

  private static Tensor consistent(Denoiser denoiser, Tensor z, Tensor t, Network.Text text) {
    return Boundary.apply(denoiser, z, denoiser.clean(z, t, text), t);
  }

  private Tensor pseudoHuber(Tensor difference) {
    double h = settings.huber();
    return difference.square().add(h * h).sqrt().sub(h).mean();
  }
}
