package org.peltast.tensor.parallel;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.WorkerPool;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Ema;
import org.peltast.tensor.nn.Gradients;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * AdamW and an exponential moving average whose state is sharded over the ranks of a group (ZeRO
 * stage 1): each weight has one owner, which alone holds its moments and average and updates it;
 * the others receive the new value.
 *
 * <p>Of one process alone it is {@link AdamW} and {@link Ema} and nothing else. State is gathered
 * and restored under the names and in the order in which one process has it, so that a checkpoint
 * of any number of processes is one of any other.
 *
 * <p>What is said to be collective is called by all ranks, in the same order.
 */
public final class ShardedOptimiser implements AutoCloseable {
  private final ProcessGroup group;
  private final Parameters parameters;
  private final List<Parameter> trained;
  private final GradientBuckets buckets;
  private final AdamW optimiser;
  private final Ema ema;
  private final int tag;

  /**
   * Of all of a network's weights, with moments of zero and averages at the present values, which
   * become those of rank 0; collective.
   */
  public ShardedOptimiser(
      ProcessGroup group, Parameters parameters, AdamW.Settings settings, double emaDecay) {
    this(group, parameters, parameters.all(), settings, emaDecay);
  }

  /** The same of some of the weights; the others are left alone. */
  public ShardedOptimiser(
      ProcessGroup group,
      Parameters parameters,
      List<Parameter> trained,
      AdamW.Settings settings,
      double emaDecay) {
    this(group, parameters, trained, settings, emaDecay, GradientBuckets.BYTES);
  }

  ShardedOptimiser(
      ProcessGroup group,
      Parameters parameters,
      List<Parameter> trained,
      AdamW.Settings settings,
      double emaDecay,
      long bucketBytes) {
    this.group = group;
    this.parameters = parameters;
    this.trained = List.copyOf(trained);
    broadcastWeights(); // before averages begin at them
    this.buckets = new GradientBuckets(group, parameters, trained, bucketBytes);
    this.optimiser = new AdamW(parameters, buckets.owned(), settings);
    this.ema = new Ema(parameters, buckets.owned(), emaDecay);
    this.tag = group.reserveTags(buckets.buckets().size());
  }

  /** The gradients on their way to this optimiser. */
  public GradientBuckets buckets() {
    return buckets;
  }

  /** The number of optimiser steps taken. */
  public long steps() {
    return optimiser.steps();
  }

  /** The number of the average's updates. */
  public long emaUpdates() {
    return ema.updates();
  }

  /**
   * One update of weights and averages from the gradients that {@link GradientBuckets#finish}
   * reduced, after which all ranks have the new weights; collective.
   *
   * @param clip from that method's norm, or null
   */
  public void step(double learningRate, Gradients.@Nullable Clip clip) {
    optimiser.step(learningRate, clip, ema.next());
    if (group.size() == 1) {
      return;
    }
    List<Transfer> sends = new ArrayList<>();
    List<Transfer> receives = new ArrayList<>();
    List<GradientBuckets.Bucket> received = new ArrayList<>();
    for (GradientBuckets.Bucket bucket : buckets.buckets()) {
      if (bucket.isOwned()) {
        bucket.own.readValues();
        for (int r = 0; r < group.size(); r++) {
          if (r != group.rank()) {
            sends.add(group.send(bucket.own.memory(), r, tag + bucket.index));
          }
        }
      } else {
        receives.add(group.receive(bucket.own.memory(), bucket.owner, tag + bucket.index));
        received.add(bucket);
      }
    }
    receives.forEach(Transfer::await);
    WorkerPool.each(received, bucket -> bucket.own.writeValues());
    sends.forEach(Transfer::await);
  }

  /** Gives all ranks the weights of rank 0, trained or not, as after loading; collective. */
  public void broadcastWeights() {
    if (group.size() == 1) {
      return;
    }
    try (Autograd off = Autograd.off()) {
      for (Parameter p : parameters.all()) {
        Tensor value = p.value();
        try (Scope s = Scope.open()) {
          Tensor wide = value.to(DType.FLOAT32);
          group.broadcast(wide, 0);
          if (value.dtype() != DType.FLOAT32) {
            value.copyFrom(wide);
          }
        }
      }
    }
    parameters.changed();
  }

  /**
   * The moments as {@link AdamW#state} names them; collective.
   *
   * @return on rank 0 of all weights, some in the current scope, some live; elsewhere none
   */
  public Map<String, Tensor> state() {
    return gathered(optimiser.state(), AdamW::stateNames);
  }

  /**
   * The averages by weight; collective.
   *
   * @return on rank 0 of all weights, some in the current scope, some live; elsewhere none
   */
  public Map<String, Tensor> ema() {
    return gathered(ema.values(), p -> List.of(p.name()));
  }

  /**
   * Restores what {@link #state} and {@link #steps} gave; collective.
   *
   * @param state looked at on rank 0 alone, as is the count
   * @throws TensorException there, if something is missing or misshapen: then the group is to be
   *     aborted
   */
  public void restore(Map<String, Tensor> state, long stepsTaken) {
    try (Scope s = Scope.open()) {
      Map<String, Tensor> own =
          distributed(state, AdamW::stateNames, "the optimiser's state", optimiser.state());
      optimiser.restore(own, decided("optimiser steps", stepsTaken));
    }
  }

  /** Restores what {@link #ema} and {@link #emaUpdates} gave, as {@link #restore} does. */
  public void restoreEma(Map<String, Tensor> averages, long updatesTaken) {
    try (Scope s = Scope.open()) {
      Map<String, Tensor> own =
          distributed(averages, p -> List.of(p.name()), "the saved average", ema.values());
      ema.restore(own, decided("average's updates", updatesTaken));
    }
  }

  private long decided(String what, long onRank0) {
    byte[] decided =
        group.decide(what, () -> ByteBuffer.allocate(Long.BYTES).putLong(onRank0).array());
    return ByteBuffer.wrap(decided).getLong();
  }

  private Map<String, Tensor> gathered(
      Map<String, Tensor> own, Function<Parameter, List<String>> names) {
    if (group.size() == 1) {
      return own;
    }
    Map<String, Tensor> all = new LinkedHashMap<>();
    if (group.isFirst()) { // in one process's order
      for (Parameter p : trained) {
        for (String name : names.apply(p)) {
          Tensor live = own.get(name);
          all.put(
              name,
              live != null ? live : Tensor.zeros(DType.FLOAT32, Device.CPU, p.value().shape()));
        }
      }
    }
    for (GradientBuckets.Bucket bucket : buckets.buckets()) {
      if (bucket.owner == 0) {
        continue;
      }
      for (int i = 0; i < names.apply(trained.get(0)).size(); i++) {
        if (bucket.isOwned()) {
          bucket.own.readTensors(tensors(bucket, own, names, i));
          group.send(bucket.own.memory(), 0, tag + bucket.index).await();
        } else if (group.isFirst()) {
          group.receive(bucket.own.memory(), bucket.owner, tag + bucket.index).await();
          bucket.own.writeTensors(tensors(bucket, all, names, i));
        }
      }
    }
    return all;
  }

  private static List<Tensor> tensors(
      GradientBuckets.Bucket bucket,
      Map<String, Tensor> from,
      Function<Parameter, List<String>> names,
      int kind) {
    List<Tensor> tensors = new ArrayList<>();
    for (Parameter p : bucket.own.parameters()) {
      String name = names.apply(p).get(kind);
      Tensor t = from.get(name);
      if (t == null) {
        throw new IllegalStateException(name + " is not there");
      }
      tensors.add(t);
    }
    return tensors;
  }

  private Map<String, Tensor> distributed(
      Map<String, Tensor> all,
      Function<Parameter, List<String>> names,
      String what,
      Map<String, Tensor> present) {
    if (group.size() == 1) {
      return all;
    }
    if (group.isFirst()) {
      for (Parameter p : trained) {
        for (String name : names.apply(p)) {
          Tensor t = all.get(name);
          if (t == null) {
            throw new TensorException(what + " lacks " + name);
          }
          if (!t.hasShape(p.value().shape())) {
            throw new TensorException(what + " has " + name + " as " + t + ", not " + p.value());
          }
        }
      }
    }
    Map<String, Tensor> own = new LinkedHashMap<>();
    present.forEach(
        (name, t) ->
            own.put(
                name,
                group.isFirst()
                    ? Objects.requireNonNull(all.get(name))
                    : Tensor.zeros(DType.FLOAT32, Device.CPU, t.shape())));
    for (GradientBuckets.Bucket bucket : buckets.buckets()) {
      if (bucket.owner == 0) {
        continue;
      }
      for (int i = 0; i < names.apply(trained.get(0)).size(); i++) {
        if (group.isFirst()) {
          bucket.own.readTensors(tensors(bucket, all, names, i));
          group.send(bucket.own.memory(), bucket.owner, tag + bucket.index).await();
        } else if (bucket.isOwned()) {
          group.receive(bucket.own.memory(), 0, tag + bucket.index).await();
          bucket.own.writeTensors(tensors(bucket, own, names, i));
        }
      }
    }
    return own;
  }

  @Override
  public void close() {
    buckets.close();
    optimiser.close();
    ema.close();
  }
}
