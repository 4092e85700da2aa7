package org.peltast.distill;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.peltast.tensor.Device;
import org.peltast.tensor.Range;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.parallel.ParallelException;
import org.peltast.tensor.parallel.ProcessGroup;

/**
 * What runs a {@link Method}'s update: the one place that knows micro-batches, threads, backward
 * passes, the order of sums, clipping, optimiser steps, finiteness and clocks.
 *
 * <p>An update takes {@link #draws} consecutive batches of the source: one that its phases share,
 * and one for every repetition of a phase that asks for data of its own. Each repetition of a phase
 * has a random stream that is a function of (update, phase, repetition).
 */
public final class UpdateExecutor {
  private final Method method;
  private final int microBatches;
  private final ProcessGroup group;
  private final Set<Role> roles = new LinkedHashSet<>();
  private final Map<Role, Integer> repeats = new LinkedHashMap<>(); // of its phases, an update

  /**
   * Runs a method.
   *
   * @param microBatches in how many parts each thread computes its share of a batch, one after
   *     another; it bounds memory and does not change results beyond the order of sums
   */
  public UpdateExecutor(Method method, int microBatches) {
    this(method, microBatches, ProcessGroup.alone());
  }

  /**
   * Runs a method in a group of processes, each on its share of the batch; collective.
   *
   * @param group which deals the roles' optimisers and averages out over its ranks
   */
  public UpdateExecutor(Method method, int microBatches, ProcessGroup group) {
    if (microBatches < 1) {
      throw new IllegalArgumentException("a batch is computed in at least one part");
    }
    this.method = method;
    this.microBatches = microBatches;
    this.group = group;
    Set<String> names = new LinkedHashSet<>();
    for (Phase phase : method.phases()) {
      if (!names.add(phase.name()) || phase.trains().isEmpty() || phase.repeats() < 1) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "the phase %s needs a name of its own, a role to train and at least one repetition",
                phase.name()));
      }
      for (Role role : phase.trains()) {
        repeats.merge(role, phase.repeats(), Integer::sum);
        roles.add(role);
      }
    }
    if (group.size() > 1) {
      roles.forEach(role -> role.distribute(group));
    }
  }

  /** The roles that the method trains, those of its first phase first. */
  public List<Role> roles() {
    return List.copyOf(roles);
  }

  /** How many batches an update takes. */
  public int draws() {
    return 1
        + method.phases().stream()
            .mapToInt(phase -> phase.data() == Phase.Data.OWN ? phase.repeats() : 0)
            .sum();
  }

  /**
   * Which items of each of an update's batches this process computes: its share, or all where a
   * phase compares items with each other.
   *
   * @param size of a batch, over all processes
   * @throws ParallelException if there are fewer items than processes
   */
  List<Range> items(int size) {
    if (size < group.size()) {
      throw ParallelException.mistake(
          String.format(
              Locale.ROOT,
              "a batch of %d cannot be dealt out to %d processes: raise run.batch or start fewer",
              size,
              group.size()));
    }
    boolean compared =
        method.phases().stream().anyMatch(p -> p.wholeBatch() && p.data() == Phase.Data.SHARED);
    Range all = new Range(0, size);
    List<Range> items = new ArrayList<>(List.of(compared ? all : share(size)));
    for (Phase phase : method.phases()) {
      for (int i = 0; phase.data() == Phase.Data.OWN && i < phase.repeats(); i++) {
        items.add(phase.wholeBatch() ? all : share(size));
      }
    }
    return items;
  }

  private Range share(int size) {
    return group.size() == 1
        ? new Range(0, size)
        : Range.deal(size, group.size()).get(group.rank());
  }

  /** One update in one process, of batches that are whole. */
  public Metrics update(
      long update, long updates, List<Batch> batches, Rng rng, Runnable beforeChange) {
    return update(update, updates, batches.get(0).size(), batches, rng, beforeChange);
  }

  /**
   * One update: a function of the roles, the batches and the random stream.
   *
   * @param update counted from 0
   * @param updates of the whole run, as far as is known
   * @param size of a batch, over all processes
   * @param batches {@link #draws} of them, of {@link #items} each
   * @param rng the update's own
   * @param beforeChange is run before anything changes that a checkpoint holds: it waits until one
   *     that is being written is whole
   * @throws DivergedException if a loss or gradient is not finite; the roles concerned are
   *     untouched
   */
  Metrics update(
      long update, long updates, int size, List<Batch> batches, Rng rng, Runnable beforeChange) {
    Metrics metrics = new Metrics();
    double stepping = 0;
    Batch whole = batches.get(0);
    List<Batch> own = new ArrayList<>(batches.subList(1, batches.size()));
    try (Scope scope = Scope.open();
        BatchShards shared = shards(mine(whole, size), size)) {
      for (Phase phase : method.phases()) {
        List<Batch> fresh = own.subList(0, phase.data() == Phase.Data.OWN ? phase.repeats() : 0);
        if (phase.active()) {
          roles.forEach(role -> role.trainable(phase.trains().contains(role)));
          double before = seconds();
          double steps = 0;
          for (int i = 0; i < phase.repeats(); i++) {
            Metrics learnt = new Metrics();
            Batch drawn = fresh.isEmpty() ? whole : fresh.get(i);
            learn(phase, drawn, size, shared, rng.fork(phase.name()).fork(i), learnt);
            double begin = seconds();
            step(phase, updates, learnt, beforeChange);
            steps += seconds() - begin;
            if (i == phase.repeats() - 1) {
              metrics.putAll(learnt);
            } else {
              metrics.require(learnt);
            }
          }
          metrics.put("seconds." + phase.name(), seconds() - before - steps);
          stepping += steps;
        }
        fresh.clear();
      }
      metrics.put("seconds.optimiser", stepping);
    }
    return metrics.settle(group);
  }

  /**
   * The backward passes of one repetition of a phase.
   *
   * @param drawn the batch that it computes on: the update's own, or one of its own
   * @param size of a batch, over all processes
   * @param shared this process's share of the update's own batch, whose micro-batches hand tensors
   *     from one phase to the next
   */
  private void learn(
      Phase phase, Batch drawn, int size, BatchShards shared, Rng rng, Metrics metrics) {
    if (phase.data() == Phase.Data.SHARED && !phase.wholeBatch()) {
      backward(phase, shared, rng, metrics);
      return;
    }
    try (BatchShards shards =
        phase.wholeBatch() ? BatchShards.whole(drawn, group.size()) : shards(drawn, size)) {
      backward(phase, shards, rng, metrics);
    }
  }

  /** This process's part of a batch that all of it may be here. */
  private Batch mine(Batch batch, int size) {
    Range share = share(size);
    return batch.size() == share.count() ? batch : batch.narrow(share);
  }

  private BatchShards shards(Batch batch, int size) {
    return new BatchShards(batch, microBatches, size);
  }

  private void backward(Phase phase, BatchShards shards, Rng rng, Metrics metrics) {
    phase.trains().forEach(Role::begin);
    shards.each(
        metrics,
        (part, noted) -> {
          Tensor loss = phase.loss(part, rng, noted);
          noted.requireFinite(loss, phase.name() + "'s loss");
          loss.mul(part.share()).backward();
        });
  }

  /**
   * The optimiser steps of a phase's roles. All gradient norms come first: where reading costs no
   * waiting, on the CPU, all metrics so far are read then, and no role changes if one is not finite
   * that must be. Elsewhere it is the device that leaves the weights of all of them as they are,
   * and the metrics tell when they settle.
   */
  private void step(Phase phase, long updates, Metrics metrics, Runnable beforeChange) {
    try (Scope scope = Scope.open()) {
      Map<Role, Tensor> norms = new LinkedHashMap<>();
      for (Role role : phase.trains()) {
        norms.put(role, role.gradientNorm(planned(role, updates), metrics));
      }
      if (norms.values().stream().allMatch(norm -> norm.device().kind() == Device.Kind.CPU)) {
        metrics.settle(group);
      } else if (norms.size() > 1) {
        norms.replaceAll((role, norm) -> norm.add(nothing(norms.values())));
      }
      beforeChange.run();
      norms.forEach((role, norm) -> role.step(planned(role, updates), norm));
    }
    phase.stepped();
  }

  /** How many updates a role is to have in a run of so many. */
  private long planned(Role role, long updates) {
    return updates * repeats.getOrDefault(role, 1);
  }

  /** 0 where all norms are finite, else NaN: their gradients are stepped on together, or none. */
  private static Tensor nothing(Collection<Tensor> norms) {
    return Tensor.cat(norms.stream().map(n -> n.reshape(1).mul(0)).toList(), 0).sum();
  }

  private static double seconds() {
    return System.nanoTime() / 1e9;
  }
}
