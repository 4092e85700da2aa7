package org.peltast.distill.dmd;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Guidance;
import org.peltast.distill.Metrics;
import org.peltast.distill.TermWeights;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Tensor;

/**
 * The generator's objective: a sum of weighted terms,
 *
 * <pre>
 *   Δ = Σ wᵢ · directionᵢ / normaliserᵢ
 *   loss = ½ ‖x̂ − stopgrad(x̂ + Δ)‖² + Σ wⱼ · lossⱼ
 * </pre>
 *
 * so that the generator's images x̂ have the gradient −Δ from all directions together.
 */
final class Objective {
  private final List<WeightedTerm> terms;
  private final TermWeights weights;
  private final @Nullable Guidance guidance; // of CFG augmentation, if that is among the terms

  Objective(List<WeightedTerm> terms) {
    this.terms = List.copyOf(terms);
    Map<String, Double> set = new LinkedHashMap<>();
    Guidance engine = null;
    for (WeightedTerm t : terms) {
      if (set.put(t.term().name(), t.weight()) != null) {
        throw new IllegalArgumentException("two terms are called " + t.term().name());
      }
      if (t.term() instanceof CfgAugmentation ca && t.weight() > 0) {
        engine = ca.guidance();
      }
    }
    if (set.values().stream().mapToDouble(w -> w).sum() == 0) {
      throw new IllegalArgumentException("a generator needs at least one term of positive weight");
    }
    this.weights = new TermWeights(set);
    this.guidance = engine;
  }

  /** The terms' weights by name. */
  TermWeights weights() {
    return weights;
  }

  /** A term that has asked what it needs, and what its direction is divided by. */
  private record Asked(
      WeightedTerm of, Supplier<Term.Contribution> term, Optional<Supplier<Tensor>> divisor) {
    String name() {
      return of.term().name();
    }
  }

  /** The loss of one micro-batch, of rank 0. */
  Tensor loss(View view, Metrics metrics) {
    List<Asked> asked = ask(view);
    view.teacher().evaluate();
    Map<String, Tensor> directions = new LinkedHashMap<>();
    List<Tensor> pushes = new ArrayList<>();
    List<Tensor> losses = new ArrayList<>();
    for (Asked a : asked) {
      double weight = weights.get(a.name());
      Term.Contribution contribution = a.term().get();
      if (contribution instanceof Term.Contribution.Direction direction) {
        directions.put(a.name(), direction.value());
        pushes.add(push(a, direction.value(), weight, metrics));
      } else if (contribution instanceof Term.Contribution.Loss loss) {
        metrics.finiteMean(a.name() + "Loss", loss.value(), "loss of " + a.name());
        losses.add(loss.value().mul(weight));
      }
    }
    note(directions, metrics);
    return Stream.of(sum(pushes).map(push -> pull(view, push)), sum(losses))
        .flatMap(Optional::stream)
        .reduce(Tensor::add)
        .orElseGet(() -> view.images().mul(0).mean());
  }

  /** The requests of all terms that have a weight now, and of their normalisers. */
  private List<Asked> ask(View view) {
    List<Asked> asked = new ArrayList<>();
    for (WeightedTerm t : terms) {
      if (weights.get(t.term().name()) > 0) {
        Supplier<Term.Contribution> contribution = t.term().ask(view);
        asked.add(
            new Asked(
                t,
                contribution,
                t.normaliser().isOn()
                    ? Optional.of(t.normaliser().ask(view, t.term().place(), guidance))
                    : Optional.empty()));
      }
    }
    return asked;
  }

  /** {@code w · direction / normaliser}, without gradient. */
  private static Tensor push(Asked a, Tensor direction, double weight, Metrics metrics) {
    try (Autograd off = Autograd.off()) {
      Tensor divided =
          a.divisor()
              .map(
                  divisor -> {
                    Tensor by = divisor.get();
                    metrics.mean("normaliser." + a.name(), by.mean());
                    return Normaliser.divide(direction, by);
                  })
              .orElse(direction);
      return weight == 1 ? divided : divided.mul(weight);
    }
  }

  /**
   * {@code ½ ‖x̂ − stopgrad(x̂ + Δ)‖²}, averaged over all numbers; x̂ is taken off first, for Δ may
   * be far smaller.
   */
  private static Tensor pull(View view, Tensor push) {
    return view.images().sub(view.detached()).sub(push.detach()).square().mean().mul(0.5);
  }

  private static Optional<Tensor> sum(List<Tensor> parts) {
    return parts.stream().reduce(Tensor::add);
  }

  /**
   * ‖direction‖ of each term (an image's root mean square), and the cosine of CA and DM, averaged
   * over the batch. A direction must be finite: the normaliser would hide it.
   */
  private static void note(Map<String, Tensor> directions, Metrics metrics) {
    try (Autograd off = Autograd.off()) {
      directions.forEach(
          (name, d) ->
              metrics.finiteMean(
                  name, d.square().mean(false, 1, 2, 3).sqrt().mean(), "direction of " + name));
      Tensor ca = directions.get(CfgAugmentation.NAME);
      Tensor dm = directions.get(DistributionMatching.NAME);
      if (ca != null && dm != null) {
        Tensor a = ca.flatten(1, -1);
        Tensor b = dm.flatten(1, -1);
        Tensor norms = a.norm(false, 1).mul(b.norm(false, 1)).add(1e-12);
        metrics.mean("cosine", a.mul(b).sum(false, 1).div(norms).mean());
      }
    }
  }
}
