package org.peltast.distill;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.StepGrid;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Decoupled distribution matching distillation, equation 8 in x₀ space:
 *
 * <pre>
 *   Δ = w_CA · (α − 1)(x₀_real(x_τCA|c) − x₀_real(x_τCA|∅)) / n_CA
 *     + w_DM · (x₀_real(x_τDM|c) − x₀_fake(x_τDM|c)) / n_DM
 *   loss = ½ ‖x̂ − stopgrad(x̂ + Δ)‖²
 * </pre>
 *
 * with (τ_CA, ε_CA) and (τ_DM, ε_DM) drawn by a {@link Renoising} schedule, n by a {@link
 * Normaliser}, and x̂ the generator's prediction at a step reached by {@link Rollout}. The second
 * line is the {@link Regulariser}'s, which may be another one.
 */
public final class DecoupledDmd implements Method {
  /**
   * What may be set.
   *
   * @param grid the generator's steps
   * @param guidance the teacher's α
   * @param renoising the schedule of τ
   * @param normaliser what directions are divided by
   * @param engineWeight w_CA; 0 switches the engine off and its evaluations with it
   * @param regulariserWeight w_DM; 0 switches the regulariser off and its evaluations with it
   * @param freshRollouts whether the regulariser learns from new images, or from the update's own
   * @param microBatches in how many parts each thread computes its share, with the same result
   */
  public record Settings(
      StepGrid grid,
      Guidance guidance,
      Renoising renoising,
      Normaliser normaliser,
      double engineWeight,
      double regulariserWeight,
      boolean freshRollouts,
      int microBatches) {
    /** Checks the ranges. */
    public Settings {
      if (!(engineWeight >= 0 && regulariserWeight >= 0)
          || engineWeight + regulariserWeight == 0
          || engineWeight + regulariserWeight > MAX_WEIGHT) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "the weights of engine and regulariser must be from 0 to %.0f, and not both 0",
                MAX_WEIGHT));
      }
      if (microBatches < 1) {
        throw new IllegalArgumentException("a batch is computed in at least one part");
      }
    }
  }

  /** Beyond it float32 would overflow long before a generator learnt anything. */
  private static final double MAX_WEIGHT = 1e6;

  static final String REGULARISER_WEIGHT = "regulariserWeight";

  private final Settings settings;
  private final Denoiser teacher;
  private final Denoiser student;
  private final Role role;
  private final Regulariser regulariser;
  private final Appearance appearance;
  private final Rollout rollout;
  private final Scope kept = Scope.detached();
  private Network.@Nullable Text empty; // the empty caption as the teacher reads it, once a run
  private double regulariserWeight; // as set, unless an observer has adjusted it

  /**
   * Distils.
   *
   * @param teacher frozen
   * @param student starts as a copy of the teacher; its network is the role's
   * @param appearance for the log, of the generator's images and the teacher's guided predictions
   */
  public DecoupledDmd(
      Settings settings,
      Denoiser teacher,
      Denoiser student,
      Role role,
      Regulariser regulariser,
      Appearance appearance) {
    this.settings = settings;
    this.teacher = teacher;
    this.student = student;
    this.role = role;
    this.regulariser = regulariser;
    this.appearance = appearance;
    this.rollout = new Rollout(settings.grid());
    this.regulariserWeight = settings.regulariserWeight();
  }

  @Override
  public List<Role> roles() {
    List<Role> all = new ArrayList<>();
    all.add(role);
    all.addAll(regulariser.roles());
    return all;
  }

  /** w_DM as the next update takes it. */
  public double regulariserWeight() {
    return regulariserWeight;
  }

  /** Multiplies w_DM from the next update on. A regulariser that is switched off stays so. */
  void scaleRegulariser(double factor) {
    regulariserWeight *= factor;
  }

  @Override
  public Map<String, Double> adjusted() {
    return regulariserWeight == settings.regulariserWeight()
        ? Map.of()
        : Map.of(REGULARISER_WEIGHT, regulariserWeight);
  }

  @Override
  public void adjust(Map<String, Double> weights) {
    regulariserWeight = weights.getOrDefault(REGULARISER_WEIGHT, settings.regulariserWeight());
  }

  @Override
  public Denoiser generator() {
    return student;
  }

  @Override
  public Figures update(Progress progress, Batch batch, Rng rng) {
    Figures figures = new Figures();
    try (Scope scope = Scope.open();
        Shares shares = new Shares(batch, settings.microBatches())) {
      long begin = System.nanoTime();
      Rng own = rng.fork("generator");
      int step = rollout.draw(own);
      shares.each(figures, (part, noted) -> accumulate(part, step, own, noted));
      figures.put("step", step);
      role.step(progress, figures);
      figures.put("secondsGenerator", (System.nanoTime() - begin) / 1e9);

      begin = System.nanoTime();
      if (regulariserWeight > 0) {
        for (int i = 0; i < regulariser.updates(); i++) {
          Figures learnt = learn(progress, shares, rng.fork("regulariser").fork(i));
          if (i == regulariser.updates() - 1) {
            figures.putAll(learnt);
          } else {
            figures.require(learnt);
          }
        }
      }
      figures.put("secondsRegulariser", (System.nanoTime() - begin) / 1e9);
    }
    return figures.settle();
  }

  /** Steps 2 to 6 for a part of the batch: rollout, prediction, draws, directions, gradients. */
  private void accumulate(Shares.Part share, int step, Rng rng, Figures figures) {
    Batch part = share.batch();
    Network.Text text = student.network().read(part.condition());
    Rollout.Start start = rollout.walk(student, text.detached(), part, step, rng.fork("rollout"));
    Tensor images = student.clean(start.xt(), start.time(), text);
    Tensor seen = images.detach();
    figures.requireFinite(seen.mean(), "generator's image");

    Renoising.Draws draws =
        settings.renoising().draw(start.preShift(), part, teacher.shift(), rng.fork("renoising"));
    Questions questions = new Questions(teacher, seen);
    Network.Text caption = read(part.condition());
    CfgAugmentation engine =
        settings.engineWeight() > 0
            ? new CfgAugmentation(
                settings.guidance(), questions, draws.engine(), caption, () -> empty(part))
            : null;
    Regulariser.Pull pull =
        regulariserWeight > 0
            ? regulariser.begin(
                questions, new Regulariser.View(images, seen, draws.regulariser(), part, caption))
            : null;
    questions.answer();

    double weight = share.share();
    Tensor loss = loss(images, seen, engine, pull, weight, figures).mul(weight);
    figures.addFinite("loss", 1, loss, "generator's loss");
    loss.backward();
    Tensor guided = engine == null ? null : engine.guided();
    describe(seen, guided, weight, figures);
    appearance.of(seen).forEach((n, v) -> figures.add(n, weight, v));
    if (guided != null) {
      appearance.of(guided).forEach((n, v) -> figures.add("teacher." + n, weight, v));
    }
    if (!settings.freshRollouts()) {
      share.leave(seen);
    }
  }

  /** As many empty captions: all are one, and the teacher never changes. */
  private synchronized Network.Text empty(Batch part) {
    if (empty == null) {
      empty = read(part.empty().narrow(0, 1)).keptBy(kept);
    }
    return empty.select(new int[part.size()]);
  }

  /** Captions as the frozen teacher reads them. */
  private Network.Text read(Condition captions) {
    try (Autograd off = Autograd.off()) {
      return teacher.network().read(captions);
    }
  }

  private Tensor loss(
      Tensor images,
      Tensor seen,
      @Nullable CfgAugmentation engine,
      Regulariser.@Nullable Pull pull,
      double share,
      Figures figures) {
    Tensor push;
    try (Autograd off = Autograd.off()) {
      Tensor ca = engine == null ? null : engine.direction();
      Tensor dm = pull == null ? null : pull.direction();
      Tensor own = pull == null ? null : pull.anchor();
      Tensor byEngine = engine == null ? null : Normaliser.residual(seen, engine.guided());
      Tensor byRegulariser = own == null ? null : Normaliser.residual(seen, own);
      // Without an engine there is no guided prediction: distribution matching has its own
      // residual.
      Tensor shared = byEngine == null ? byRegulariser : byEngine;
      Tensor forDm = settings.normaliser() == Normaliser.PER_TERM ? byRegulariser : shared;
      note(ca, dm, shared, share, figures);
      push =
          sum(
              weighted(ca, byEngine, settings.engineWeight()),
              weighted(dm, forDm, regulariserWeight),
              seen);
    }
    // x̂ − stopgrad(x̂ + Δ), with x̂ taken off first: Δ may be far smaller than x̂.
    Tensor total = images.sub(seen).sub(push).square().mean().mul(0.5);
    Tensor extra = pull == null ? null : pull.loss();
    if (extra == null) {
      return total;
    }
    figures.addFinite("regulariserLoss", share, extra, "regulariser's loss");
    return total.addScaled(extra, regulariserWeight);
  }

  private @Nullable Tensor weighted(
      @Nullable Tensor direction, @Nullable Tensor residual, double weight) {
    if (direction == null) {
      return null;
    }
    Tensor divided =
        residual == null || settings.normaliser() == Normaliser.NONE
            ? direction
            : Normaliser.divide(direction, residual);
    return weight == 1 ? divided : divided.mul(weight);
  }

  private static Tensor sum(@Nullable Tensor a, @Nullable Tensor b, Tensor like) {
    if (a == null) {
      return b == null ? like.mul(0) : b;
    }
    return b == null ? a : a.add(b);
  }

  /**
   * ‖CA‖ and ‖DM‖ (an image's root mean square), their cosine, and the normaliser, averaged over
   * the batch.
   *
   * <p>A direction must be finite: the normaliser would hide it.
   */
  private static void note(
      @Nullable Tensor ca,
      @Nullable Tensor dm,
      @Nullable Tensor normaliser,
      double share,
      Figures figures) {
    if (ca != null) {
      figures.addFinite("ca", share, size(ca), "engine's push (CA)");
    }
    if (dm != null) {
      figures.addFinite("dm", share, size(dm), "regulariser's pull (DM)");
    }
    if (ca != null && dm != null) {
      Tensor a = ca.flatten(1, -1);
      Tensor b = dm.flatten(1, -1);
      Tensor norms = a.norm(false, 1).mul(b.norm(false, 1)).add(1e-12);
      figures.add("cosine", share, a.mul(b).sum(false, 1).div(norms).mean());
    }
    if (normaliser != null) {
      figures.add("normaliser", share, normaliser.mean());
    }
  }

  private static Tensor size(Tensor direction) {
    return direction.square().mean(false, 1, 2, 3).sqrt().mean();
  }

  /** The latents' per-image mean and variance, the generator's and the teacher's. */
  private static void describe(
      Tensor seen, @Nullable Tensor guided, double share, Figures figures) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      figures.add("mean", share, seen.mean());
      figures.add("variance", share, seen.variance(false, 1, 2, 3).mean());
      if (guided != null) {
        figures.add("teacher.mean", share, guided.mean());
        figures.add("teacher.variance", share, guided.variance(false, 1, 2, 3).mean());
      }
    }
  }

  /** Step 7: one update of the regulariser's own, on fresh images or the generator update's. */
  private Figures learn(Progress progress, Shares shares, Rng rng) {
    Figures figures = new Figures();
    int step = rollout.draw(rng);
    shares.each(
        figures,
        (share, noted) -> {
          Batch part = share.batch();
          Tensor shown = settings.freshRollouts() ? generate(part, step, rng) : share.left();
          regulariser.learn(shown, part, share.share(), rng.fork("learning"), noted);
        });
    regulariser.step(progress, figures);
    return figures;
  }

  /** Images from the generator as it is now, without gradient. */
  private Tensor generate(Batch part, int step, Rng rng) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Network.Text text = student.network().read(part.condition());
      Rollout.Start start = rollout.walk(student, text, part, step, rng.fork("images"));
      return scope.release(student.clean(start.xt(), start.time(), text));
    }
  }

  @Override
  public void close() {
    kept.close();
    role.close();
    regulariser.close();
  }
}
