package org.peltast.distill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

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
  private final Set<Role> roles = new LinkedHashSet<>();
  private final Map<Role, Integer> repeats = new LinkedHashMap<>(); // of its phases, an update

  /**
   * Runs a method.
   *
   * @param microBatches in how many parts each thread computes its share of a batch, one after
   *     another; it bounds memory and does not change results beyond the order of sums
   */
  public UpdateExecutor(Method method, int microBatches) {
    if (microBatches < 1) {
      throw new IllegalArgumentException("a batch is computed in at least one part");
    }
    this.method = method;
    this.microBatches = microBatches;
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
   * One update: a function of the roles, the batches and the random stream.
   *
   * @param update counted from 0
   * @param updates of the whole run, as far as is known
   * @param batches {@link #draws} of them
   * @param rng the update's own
   * @param beforeChange is run before anything changes that a checkpoint holds: it waits until one
   *     that is being written is whole
   * @throws DivergedException if a loss or gradient is not finite; the roles concerned are
   *     untouched
   */
  public Metrics update(
      long update, long updates, List<Batch> batches, Rng rng, Runnable beforeChange) {
    Metrics metrics = new Metrics();
    double stepping = 0;
    List<Batch> own = new ArrayList<>(batches.subList(1, batches.size()));
    try (Scope scope = Scope.open();
        BatchShards shared = shards(batches.get(0))) {
      for (Phase phase : method.phases()) {
        List<Batch> fresh = own.subList(0, phase.data() == Phase.Data.OWN ? phase.repeats() : 0);
        if (phase.active()) {
          roles.forEach(role -> role.trainable(phase.trains().contains(role)));
          double before = seconds();
          double steps = 0;
          for (int i = 0; i < phase.repeats(); i++) {
            Metrics learnt = new Metrics();
            Rng stream = rng.fork(phase.name()).fork(i);
            if (!fresh.isEmpty()) {
              try (BatchShards shards = shards(fresh.get(i))) {
                backward(phase, shards, stream, learnt);
              }
            } else if (phase.wholeBatch()) {
              try (BatchShards whole = BatchShards.whole(batches.get(0))) {
                backward(phase, whole, stream, learnt);
              }
            } else {
              backward(phase, shared, stream, learnt);
            }
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
    return metrics.settle();
  }

  private BatchShards shards(Batch batch) {
    return new BatchShards(batch, microBatches, batch.size());
  }

  private static void backward(Phase phase, BatchShards shards, Rng rng, Metrics metrics) {
    shards.each(
        metrics,
        (part, noted) -> {
          Tensor loss = phase.loss(part, rng, noted);
          noted.requireFinite(loss, phase.name() + "'s loss");
          loss.mul(part.share()).backward();
        });
  }

  private void step(Phase phase, long updates, Metrics metrics, Runnable beforeChange) {
    for (Role role : phase.trains()) {
      role.step(updates * repeats.getOrDefault(role, 1), metrics, beforeChange);
    }
    phase.stepped();
  }

  private static double seconds() {
    return System.nanoTime() / 1e9;
  }
}
