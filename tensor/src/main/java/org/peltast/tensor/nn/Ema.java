package org.peltast.tensor.nn;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.WorkerPool;

/**
 * An exponential moving average of a network's weights: {@code e ← d·e + (1 − d)·w}, with a warm-up
 * {@code min(decay, (1 + n)/(10 + n))} so that early averages are not stuck at the beginning.
 */
public final class Ema implements AutoCloseable {
  private final Parameters source;
  private final List<Parameter> some;
  private final double decay;
  private final Scope scope = Scope.detached();
  private final Map<String, Tensor> average = new LinkedHashMap<>();
  private final @Nullable Parameters into; // whose weights are the average, if it is a network's
  private long updates;

  /**
   * Starts at the weights' present values.
   *
   * @throws TensorException unless 0 ≤ decay &lt; 1
   */
  public Ema(Parameters source, double decay) {
    this(source, source.all(), decay);
  }

  /**
   * The average of some of a network's weights.
   *
   * @throws TensorException unless 0 ≤ decay &lt; 1, and the weights are the network's
   */
  public Ema(Parameters source, List<Parameter> some, double decay) {
    if (!(decay >= 0 && decay < 1)) {
      throw new TensorException("the EMA's decay must be in [0, 1), got " + decay);
    }
    source.requireOwn(some);
    this.source = source;
    this.some = List.copyOf(some);
    this.decay = decay;
    this.into = null;
    try (Scope s = Scope.open()) {
      for (Parameter p : some) {
        average.put(p.name(), scope.keep(beginning(p)));
      }
    }
  }

  /** A copy, in float32 whatever the weight is kept in: steps of an average are small. */
  private static Tensor beginning(Parameter p) {
    try (Autograd off = Autograd.off()) {
      return Scope.compute(() -> p.whole().detach().copy().to(DType.FLOAT32));
    }
  }

  /**
   * An average that is the weights of another network, which so becomes the view of the average: a
   * target network. It starts at the source's present values.
   *
   * @param into weights of the same names and shapes, frozen, kept in float32; they stay their
   *     owner's
   * @throws TensorException unless 0 ≤ decay &lt; 1 and the weights fit
   */
  public Ema(Parameters source, double decay, Parameters into) {
    if (!(decay >= 0 && decay < 1)) {
      throw new TensorException("the EMA's decay must be in [0, 1), got " + decay);
    }
    if (into.storage() != DType.FLOAT32) {
      throw new TensorException("an average is kept in float32, not in " + into.storage());
    }
    this.source = source;
    this.decay = decay;
    this.into = into;
    this.some = source.all();
    into.trainable(false).copyFrom(source);
    average.putAll(into.values());
  }

  /** Moves the average towards the weights. */
  public void update() {
    Consumer<Parameter> move = next();
    WorkerPool.each(source.shares(some), share -> share.forEach(move));
    moved();
  }

  /**
   * Begins an update.
   *
   * @return what moves the average of one weight; to be given each weight once, as soon as it has
   *     changed
   */
  public Consumer<Parameter> next() {
    updates++;
    double d = Math.min(decay, (1.0 + updates) / (10.0 + updates));
    return p -> move(p, 1 - d);
  }

  /** Ends an update: networks that compute with the average see it from now on. */
  public void moved() {
    if (into != null) {
      into.changing();
    }
  }

  private void move(Parameter p, double towards) {
    Tensor a = average.get(p.name());
    if (a != null) {
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        a.lerpInPlace(p.whole().detach().to(DType.FLOAT32), towards);
      }
    }
  }

  /** The averages by name: live, not copies. */
  public Map<String, Tensor> values() {
    return average;
  }

  /** The number of updates taken. */
  public long updates() {
    return updates;
  }

  /** Restores what {@link #values} and {@link #updates} gave. */
  public void restore(Map<String, Tensor> values, long updatesTaken) {
    try (Autograd off = Autograd.off()) {
      for (Map.Entry<String, Tensor> e : average.entrySet()) {
        Tensor saved = values.get(e.getKey());
        if (saved == null) {
          throw new TensorException("the saved average lacks " + e.getKey());
        }
        e.getValue().copyFrom(saved);
      }
    }
    updates = updatesTaken;
    moved();
  }

  @Override
  public void close() {
    scope.close();
  }
}
