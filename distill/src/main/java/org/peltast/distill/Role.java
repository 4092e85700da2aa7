package org.peltast.distill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Ema;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.parallel.ProcessGroup;

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
  private final List<GroupOptimiser> groups = new ArrayList<>();
  private ProcessGroup processes = ProcessGroup.alone();
  private @Nullable Ema target;
  private Map<String, Tensor> gathered = Map.of(); // averages, on rank 0 of several processes
  private Scope gatheredScope = Scope.detached();

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
    groups.forEach(group -> this.groups.add(GroupOptimiser.Whole.of(group, settings)));
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

  /**
   * Deals optimiser and average out over the ranks of a group, before the first update; weights
   * become those of rank 0. Collective.
   */
  void distribute(ProcessGroup with) {
    processes = with;
    for (int i = 0; i < groups.size(); i++) {
      GroupOptimiser whole = groups.get(i);
      groups.set(i, GroupOptimiser.Sharded.of(whole.group(), settings, with));
      whole.close();
    }
    if (target != null) {
      followRankZero(target);
    }
  }

  private void followRankZero(Ema averaged) {
    try (Autograd off = Autograd.off()) {
      averaged.values().values().forEach(t -> processes.broadcast(t, 0));
    }
    averaged.moved();
  }

  /**
   * The moving average of its weights by name; the weights themselves if none is kept. Of several
   * processes it is that of the last {@link #gatherAverages}, on rank 0.
   */
  public Map<String, Tensor> averages() {
    if (processes.size() > 1 && settings.ema() > 0) {
      return gathered;
    }
    Map<String, Tensor> averages = new LinkedHashMap<>();
    for (GroupOptimiser g : groups) {
      averages.putAll(settings.ema() > 0 ? g.averages() : g.parameters().values());
    }
    return averages;
  }

  /** Brings the averages of all ranks to rank 0; collective, and nothing in one process. */
  void gatherAverages() {
    if (processes.size() == 1 || settings.ema() == 0) {
      return;
    }
    Scope kept = Scope.detached();
    Map<String, Tensor> now = new LinkedHashMap<>();
    try (Scope scope = Scope.open()) {
      for (GroupOptimiser g : groups) {
        g.averages().forEach((name, t) -> now.put(name, kept.keep(t.copy())));
      }
    }
    gatheredScope.close();
    gatheredScope = kept;
    gathered = now;
  }

  /** How often it has been updated. */
  public long steps() {
    return groups.get(0).steps();
  }

  /** A backward pass is about to begin. */
  void begin() {
    groups.forEach(GroupOptimiser::begin);
  }

  /** Asks for the gradients of its weights, or no longer. */
  void trainable(boolean wanted) {
    groups.forEach(g -> g.parameters().trainable(wanted));
  }

  /**
   * Adds up the gradients of its weights, over all processes.
   *
   * @param ofAll how many updates the role is to have in the whole run
   * @param metrics where gradient norm and learning rate are noted; the norm must be finite
   * @return the joint norm, of one element, in the current scope
   */
  Tensor gradientNorm(long ofAll, Metrics metrics) {
    Tensor norm = norm();
    metrics
        .finite(name + ".gradientNorm", norm, name + "'s gradient norm")
        .put(name + ".learningRate", learningRate(ofAll));
    return norm;
  }

  /**
   * Clips the gradients that {@link #gradientNorm} added up, takes one optimiser step, moves the
   * average, and clears the gradients. If the norm is not finite, the weights stay as they are.
   *
   * @param ofAll how many updates the role is to have in the whole run
   * @param norm of its gradients
   */
  void step(long ofAll, Tensor norm) {
    double rate = learningRate(ofAll);
    try (Scope scope = Scope.open()) {
      for (GroupOptimiser g : groups) {
        g.step(
            rate * g.group().rateFactor(),
            new Gradients.Clip(norm, settings.clip()),
            target == null ? p -> {} : target.next());
      }
      if (target != null) {
        target.moved();
      }
    }
    groups.forEach(g -> g.parameters().clearGradients());
  }

  private double learningRate(long ofAll) {
    return settings.learningRate().at(steps(), ofAll);
  }

  /** The joint norm of all groups' gradients, of one element. */
  private Tensor norm() {
    List<Tensor> norms = groups.stream().map(GroupOptimiser::norm).toList();
    return norms.size() == 1
        ? norms.get(0)
        : Tensor.cat(norms.stream().map(n -> n.reshape(1)).toList(), 0).norm(false, 0);
  }

  /**
   * Everything that {@link #restore} needs, by name: live tensors, not copies. Of several processes
   * it is gathered on rank 0, in part in the current scope; collective then.
   */
  public Map<String, Tensor> state() {
    Map<String, Tensor> state = new LinkedHashMap<>();
    Ema followed = target;
    if (followed != null) {
      followed.values().forEach((n, t) -> state.put("target." + n, t));
    }
    for (GroupOptimiser g : groups) {
      g.parameters().values().forEach((n, t) -> state.put("weights." + n, t));
      g.averages().forEach((n, t) -> state.put("ema." + n, t));
      g.optimiserState().forEach((n, t) -> state.put("optimiser." + n, t));
    }
    return state;
  }

  /** The counts that go with {@link #state}. */
  public Map<String, String> counts() {
    Map<String, String> counts = new LinkedHashMap<>(); // in one order: a checkpoint's bytes repeat
    counts.put("steps", Long.toString(steps()));
    if (settings.ema() > 0) {
      counts.put("emaUpdates", Long.toString(groups.get(0).emaUpdates()));
    }
    if (target != null) {
      counts.put("targetUpdates", Long.toString(target.updates()));
    }
    return counts;
  }

  /**
   * Puts a saved state back, bit for bit. Of several processes rank 0's is looked at alone;
   * collective then.
   */
  public void restore(Map<String, Tensor> state, Map<String, String> counts) {
    boolean here = processes.isFirst();
    Ema followed = target;
    if (followed != null) {
      long updates = decided("targetUpdates", counts);
      if (here) {
        followed.restore(under("target.", null, state), updates);
      } else {
        followed.restore(followed.values(), updates);
      }
      if (processes.size() > 1) {
        followRankZero(followed);
      }
    }
    for (GroupOptimiser g : groups) {
      if (here) {
        g.parameters().load(under("weights.", g, state));
      }
      g.restore(under("optimiser.", null, state), here ? count(counts, "steps") : 0);
      if (settings.ema() > 0) {
        g.restoreAverages(under("ema.", g, state), here ? count(counts, "emaUpdates") : 0);
      }
    }
  }

  private long decided(String what, Map<String, String> counts) {
    return Long.parseLong(processes.decideText(what, () -> Long.toString(count(counts, what))));
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
      String prefix, @Nullable GroupOptimiser group, Map<String, Tensor> all) {
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
    gatheredScope.close();
    groups.forEach(GroupOptimiser::close);
  }
}
