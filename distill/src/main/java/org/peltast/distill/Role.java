package org.peltast.distill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Network;
import org.peltast.tensor.AdamW;
import org.peltast.tensor.Device;
import org.peltast.tensor.Ema;
import org.peltast.tensor.Gradients;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Weights that are trained together: any parameters, of a network, of a part of it or of a head,
 * with their optimiser, their learning rate over their own updates and, if wanted, their moving
 * average.
 */
public final class Role implements AutoCloseable {
  /**
   * How a role is trained.
   *
   * @param learningRate over its own updates
   * @param adam AdamW's settings
   * @param clip the largest joint gradient norm
   * @param ema the decay of the weights' moving average; 0 keeps none
   */
  public record Settings(LearningRate learningRate, AdamW.Settings adam, double clip, double ema) {
    /** Checks the ranges. */
    public Settings {
      if (!(clip > 0) || !(ema >= 0 && ema < 1)) {
        throw new IllegalArgumentException(
            "clip must be more than 0 and ema from 0 to below 1, got " + clip + " and " + ema);
      }
    }
  }

  /**
   * Parameters that share a learning rate.
   *
   * @param parameters of a network, or a {@link Parameters#subset}
   * @param rateFactor what the role's learning rate is multiplied by
   */
  public record Group(Parameters parameters, double rateFactor) {
    /** Checks the range. */
    public Group {
      if (!(rateFactor >= 0 && rateFactor <= 1e6)) {
        throw new IllegalArgumentException(
            "a group's learning rate factor must be from 0 to 1000000, got " + rateFactor);
      }
    }
  }

  private final String name;
  private final Settings settings;
  private final List<Trained> groups = new ArrayList<>();
  private @Nullable Ema target;

  /** A group with its optimiser and average. */
  private record Trained(Group group, AdamW optimiser, @Nullable Ema ema) {
    static Trained of(Group group, Settings settings) {
      Parameters p = group.parameters().trainable(true);
      return new Trained(
          group,
          new AdamW(p, settings.adam()),
          settings.ema() > 0 ? new Ema(p, settings.ema()) : null);
    }

    Parameters parameters() {
      return group.parameters();
    }
  }

  /** Makes all weights of a network trainable; optimiser and average start at their values. */
  public Role(String name, Network network, Settings settings) {
    this(name, network.parameters(), settings);
  }

  /** Makes these weights trainable; optimiser and average start at their values. */
  public Role(String name, Parameters parameters, Settings settings) {
    this(name, List.of(new Group(parameters, 1)), settings);
  }

  /** Makes these weights trainable, each group at a rate of its own. */
  public Role(String name, List<Group> groups, Settings settings) {
    if (groups.isEmpty()) {
      throw new IllegalArgumentException("the role " + name + " has no parameters to train");
    }
    this.name = name;
    this.settings = settings;
    groups.forEach(group -> this.groups.add(Trained.of(group, settings)));
  }

  /**
   * Makes a target network: its weights become a moving average of this role's, from their present
   * values on.
   *
   * @param network the target's weights, of the same names and shapes; they stay their owner's
   * @param decay of that average
   * @throws IllegalStateException if the role has one already, or several groups
   */
  public void averageInto(Parameters network, double decay) {
    if (target != null || groups.size() > 1) {
      throw new IllegalStateException(
          name + " can have one target network, and only if its weights are one group");
    }
    target = new Ema(groups.get(0).parameters(), decay, network);
  }

  /** The role's name, as in logs and checkpoints. */
  public String name() {
    return name;
  }

  /** The moving average of its weights by name; the weights themselves if none is kept. */
  public Map<String, Tensor> averages() {
    Map<String, Tensor> averages = new LinkedHashMap<>();
    for (Trained g : groups) {
      averages.putAll(g.ema() == null ? g.parameters().values() : g.ema().values());
    }
    return averages;
  }

  /** How often it has been updated. */
  public long steps() {
    return groups.get(0).optimiser().steps();
  }

  /** Asks for the gradients of its weights, or no longer. */
  void trainable(boolean wanted) {
    groups.forEach(g -> g.parameters().trainable(wanted));
  }

  /**
   * Adds up and clips the gradients, takes one optimiser step, moves the average, and clears the
   * gradients.
   *
   * <p>Where reading costs no waiting, on the CPU, all metrics so far are read first, and nothing
   * changes if one is not finite that must be. Elsewhere it is the device that leaves the weights
   * as they are, and the metrics tell when they settle.
   *
   * @param ofAll how many updates the role is to have in the whole run
   * @param metrics where gradient norm and learning rate are noted
   * @param beforeChange is run before a weight changes
   * @throws DivergedException if the gradient, or what was noted before, is not finite
   */
  void step(long ofAll, Metrics metrics, Runnable beforeChange) {
    double rate = settings.learningRate().at(steps(), ofAll);
    try (Scope scope = Scope.open()) {
      Tensor norm = norm();
      metrics
          .finite(name + ".gradientNorm", norm, name + "'s gradient norm")
          .put(name + ".learningRate", rate);
      if (norm.device().kind() == Device.Kind.CPU) {
        metrics.settle();
      }
      beforeChange.run();
      for (Trained g : groups) {
        g.optimiser()
            .step(
                rate * g.group().rateFactor(),
                new Gradients.Clip(norm, settings.clip()),
                average(g));
      }
      if (target != null) {
        target.moved();
      }
    }
    groups.forEach(g -> g.parameters().clearGradients());
  }

  /** What follows a weight that has changed: its averages. */
  private Consumer<Parameter> average(Trained g) {
    Consumer<Parameter> own = g.ema() == null ? p -> {} : g.ema().next();
    return target == null ? own : own.andThen(target.next());
  }

  /** The joint norm of all groups' gradients, of one element. */
  private Tensor norm() {
    List<Tensor> norms = groups.stream().map(g -> Gradients.norm(g.parameters())).toList();
    return norms.size() == 1
        ? norms.get(0)
        : Tensor.cat(norms.stream().map(n -> n.reshape(1)).toList(), 0).norm(false, 0);
  }

  /** Everything that {@link #restore} needs, by name: live tensors, not copies. */
  public Map<String, Tensor> state() {
    Map<String, Tensor> state = new LinkedHashMap<>();
    Ema followed = target;
    if (followed != null) {
      followed.values().forEach((n, t) -> state.put("target." + n, t));
    }
    for (Trained g : groups) {
      g.parameters().values().forEach((n, t) -> state.put("weights." + n, t));
      Ema ema = g.ema();
      if (ema != null) {
        ema.values().forEach((n, t) -> state.put("ema." + n, t));
      }
      g.optimiser().state().forEach((n, t) -> state.put("optimiser." + n, t));
    }
    return state;
  }

  /** The counts that go with {@link #state}. */
  public Map<String, String> counts() {
    Map<String, String> counts = new LinkedHashMap<>(); // in one order: a checkpoint's bytes repeat
    counts.put("steps", Long.toString(steps()));
    Ema ema = groups.get(0).ema();
    if (ema != null) {
      counts.put("emaUpdates", Long.toString(ema.updates()));
    }
    if (target != null) {
      counts.put("targetUpdates", Long.toString(target.updates()));
    }
    return counts;
  }

  /** Puts a saved state back, bit for bit. */
  public void restore(Map<String, Tensor> state, Map<String, String> counts) {
    if (target != null) {
      target.restore(under("target.", null, state), count(counts, "targetUpdates"));
    }
    for (Trained g : groups) {
      g.parameters().load(under("weights.", g, state));
      Ema ema = g.ema();
      if (ema != null) {
        ema.restore(under("ema.", g, state), count(counts, "emaUpdates"));
      }
      g.optimiser().restore(under("optimiser.", null, state), count(counts, "steps"));
    }
  }

  private long count(Map<String, String> counts, String what) {
    String value = counts.get(what);
    if (value == null || !value.matches("[0-9]{1,18}")) {
      throw new IllegalArgumentException("the saved state of " + name + " has no count of " + what);
    }
    return Long.parseLong(value);
  }

  /** What is saved under a prefix; of one group's weights alone where other groups have theirs. */
  private Map<String, Tensor> under(
      String prefix, @Nullable Trained group, Map<String, Tensor> all) {
    Map<String, Tensor> part = new LinkedHashMap<>();
    all.forEach(
        (n, t) -> {
          if (n.startsWith(prefix)) {
            String own = n.substring(prefix.length());
            if (group == null || groups.size() == 1 || group.parameters().find(own) != null) {
              part.put(own, t);
            }
          }
        });
    return part;
  }

  @Override
  public void close() {
    if (target != null) {
      target.close();
    }
    for (Trained g : groups) {
      g.optimiser().close();
      Ema ema = g.ema();
      if (ema != null) {
        ema.close();
      }
    }
  }
}
