package org.peltast.distill.dmd;

import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.TimeShift;
import org.peltast.distill.Appearance;
import org.peltast.distill.Batch;
import org.peltast.distill.Metrics;
import org.peltast.distill.MicroBatch;
import org.peltast.distill.Phase;
import org.peltast.distill.Role;
import org.peltast.distill.TermWeights;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The generator's phase of distribution matching distillation: a {@link Rollout} to a step, the
 * image predicted there with gradient, the draws of a {@link Renoising}, and the {@link Objective}
 * of the terms.
 */
final class GeneratorPhase implements Phase, AutoCloseable {
  /** What the generator's images are kept as for the fake's phase. */
  static final String IMAGES = "images";

  private final Denoiser teacher;
  private final Denoiser student;
  private final Role role;
  private final Rollout rollout;
  private final Renoising renoising;
  private final Objective objective;
  private final @Nullable Guidance guidance; // of the CFG augmentation, for the log
  private final Appearance appearance;
  private final Scope kept = Scope.detached();
  private Network.@Nullable Text empty; // the empty caption as the teacher reads it, once a run

  GeneratorPhase(
      Denoiser teacher,
      Denoiser student,
      Role role,
      Rollout rollout,
      Renoising renoising,
      List<WeightedTerm> terms,
      Appearance appearance) {
    this.teacher = teacher;
    this.student = student;
    this.role = role;
    this.rollout = rollout;
    this.renoising = renoising;
    this.objective = new Objective(terms);
    this.appearance = appearance;
    this.guidance =
        terms.stream()
            .filter(t -> t.weight() > 0 && t.term() instanceof CfgAugmentation)
            .map(t -> ((CfgAugmentation) t.term()).guidance())
            .findFirst()
            .orElse(null);
  }

  /** The terms' objective. */
  Objective objective() {
    return objective;
  }

  /** Whether a term of that name pushes the generator in this update. */
  boolean pushes(String term) {
    TermWeights weights = objective.weights();
    return weights.names().contains(term) && weights.get(term) > 0;
  }

  /** The schedule of τ. */
  Renoising renoising() {
    return renoising;
  }

  @Override
  public String name() {
    return "generator";
  }

  @Override
  public List<Role> trains() {
    return List.of(role);
  }

  @Override
  public Tensor loss(MicroBatch part, Rng rng, Metrics metrics) {
    Batch batch = part.batch();
    int step = rollout.draw(rng);
    Network.Text text = student.network().read(batch.condition());
    Rollout.Start start = rollout.walk(student, text.detached(), batch, step, rng.fork("rollout"));
    Tensor images = student.clean(start.xt(), start.time(), text);
    Tensor seen = images.detach();
    metrics.requireFinite(seen.mean(), "generator's image");

    Renoising.Draws draws =
        renoising.draw(bound(start.preShift()), batch, teacher.shift(), rng.fork("renoising"));
    View view =
        new View(
            images,
            seen,
            draws,
            batch,
            new PredictionRequest(teacher, seen),
            read(batch.condition()),
            empty(batch),
            rng);
    Supplier<Tensor> guided = guided(view);
    Tensor loss = objective.loss(view, metrics);

    metrics.mean("loss", loss);
    metrics.mean("step", step);
    describe("", seen, metrics);
    if (guided != null) {
      describe("teacher.", guided.get(), metrics);
    }
    part.keep(IMAGES, seen);
    return loss;
  }

  /** The generator's step time in the teacher's pre-shift time. */
  private double bound(double preShift) {
    TimeShift own = student.shift();
    return own.equals(teacher.shift()) ? preShift : teacher.shift().invert(own.apply(preShift));
  }

  /** The teacher's guided prediction at the engine's draw: no more is asked than CA asks. */
  private @Nullable Supplier<Tensor> guided(View view) {
    Guidance alpha = guidance;
    if (alpha == null || !pushes(CfgAugmentation.NAME)) {
      return null;
    }
    Renoising.Draw draw = view.draws().engine();
    PredictionRequest.Prediction c = view.teacher().ask(draw, view.caption());
    PredictionRequest.Prediction u =
        alpha.isOn() ? view.teacher().ask(draw, view.empty().get()) : c;
    return () -> alpha.apply(c.clean(), u.clean());
  }

  /** Captions as the frozen teacher reads them. */
  private Network.Text read(Condition captions) {
    try (Autograd off = Autograd.off()) {
      return teacher.network().read(captions);
    }
  }

  /**
   * As many empty captions, the same object each time: all are one, and the teacher never changes.
   */
  private Supplier<Network.Text> empty(Batch part) {
    return new Supplier<>() {
      private Network.@Nullable Text selected;

      @Override
      public Network.Text get() {
        Network.Text known = selected;
        if (known == null) {
          known = emptyCaption(part).select(new int[part.size()]);
          selected = known;
        }
        return known;
      }
    };
  }

  private synchronized Network.Text emptyCaption(Batch part) {
    Network.Text known = empty;
    if (known == null) {
      known = read(part.empty().narrow(0, 1)).keptBy(kept);
      empty = known;
    }
    return known;
  }

  /** The latents' per-image mean and variance, and what they look like. */
  private void describe(String whose, Tensor latents, Metrics metrics) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      metrics.mean(whose + "mean", latents.mean());
      metrics.mean(whose + "variance", latents.variance(false, 1, 2, 3).mean());
      appearance.of(latents).forEach((name, value) -> metrics.mean(whose + name, value));
    }
  }

  /** Images from the generator as it is now, without gradient. */
  Tensor generate(Batch part, Rng rng) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Network.Text text = student.network().read(part.condition());
      Rollout.Start start =
          rollout.walk(student, text, part, rollout.draw(rng), rng.fork("images"));
      return scope.release(student.clean(start.xt(), start.time(), text));
    }
  }

  @Override
  public void close() {
    kept.close();
  }
}
