package org.peltast.distill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The named numbers that one update yields, in the order in which they were noted.
 *
 * <p>What is still on its device is noted as the tensor that it is in, so that nobody waits for the
 * device in the middle of an update; {@link #settle} reads all of it at once.
 */
public final class Metrics {
  private final double share; // by which what is noted as a mean counts
  private final Map<String, Double> values = new LinkedHashMap<>();
  private final List<Waiting> waiting = new ArrayList<>();
  private final List<Scope> scopes = new ArrayList<>(); // of what waits

  /**
   * A number that has not been read.
   *
   * @param name of the figure that it is added to; null if it is only to be finite
   * @param weight what it is multiplied by
   * @param scalar [1] float32
   * @param term what it is called when it is not finite; null if it need not be
   */
  private record Waiting(
      @Nullable String name, double weight, Tensor scalar, @Nullable String term) {
    Waiting unnamed() {
      return new Waiting(null, weight, scalar, term);
    }
  }

  /** No numbers yet, of a whole batch. */
  public Metrics() {
    this(1);
  }

  private Metrics(double share) {
    this.share = share;
  }

  /** No numbers yet, of a micro-batch that is so much of the whole batch. */
  static Metrics ofShare(double share) {
    return new Metrics(share);
  }

  /** Notes a number. */
  public Metrics put(String name, double value) {
    values.put(name, value);
    return this;
  }

  /**
   * Notes a number of a micro-batch, which counts by the micro-batch's share of the whole batch.
   *
   * @param scalar the mean over the micro-batch, of one element; read when the metrics settle
   */
  public Metrics mean(String name, Tensor scalar) {
    return wait(name, share, scalar, null);
  }

  /** The same of a number that is known already. */
  public Metrics mean(String name, double value) {
    values.merge(name, share * value, Double::sum);
    return this;
  }

  /** Notes a number of a micro-batch that must be finite, called {@code term} if it is not. */
  public Metrics finiteMean(String name, Tensor scalar, String term) {
    return wait(name, share, scalar, term);
  }

  /** Notes a number of the whole batch that must be finite, called {@code term} if it is not. */
  Metrics finite(String name, Tensor scalar, String term) {
    return wait(name, 1, scalar, term);
  }

  /** Demands that a number be finite, called {@code term} if it is not. */
  public Metrics requireFinite(Tensor scalar, String term) {
    return wait(null, 1, scalar, term);
  }

  private Metrics wait(@Nullable String name, double weight, Tensor scalar, @Nullable String term) {
    if (name != null) {
      values.putIfAbsent(name, 0.0); // its place in the order
    }
    if (scopes.isEmpty()) {
      scopes.add(Scope.detached());
    }
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor own = scopes.get(0).keep(scalar.detach().reshape(1).to(DType.FLOAT32));
      waiting.add(new Waiting(name, weight, own, term));
    }
    return this;
  }

  /** Adds all of another's numbers, read or not; it is given up. */
  Metrics addAll(Metrics other) {
    other.values.forEach((name, value) -> values.merge(name, value, Double::sum));
    waiting.addAll(other.waiting);
    scopes.addAll(other.scopes);
    return this;
  }

  /** Notes all of another's numbers, read or not; it is given up. */
  Metrics putAll(Metrics other) {
    values.putAll(other.values);
    waiting.addAll(other.waiting);
    scopes.addAll(other.scopes);
    return this;
  }

  /** Demands what another demands of its numbers, and notes none of them; it is given up. */
  Metrics require(Metrics other) {
    other.waiting.forEach(w -> waiting.add(w.unnamed()));
    scopes.addAll(other.scopes);
    return this;
  }

  /**
   * Reads what waits: the host waits for the device once.
   *
   * @throws DivergedException naming the first that is not finite and must be
   */
  public Metrics settle() {
    if (waiting.isEmpty()) {
      return this;
    }
    try (Scope s = Scope.open()) {
      float[] read = Tensor.cat(waiting.stream().map(Waiting::scalar).toList(), 0).toFloats();
      for (int i = 0; i < read.length; i++) {
        Waiting w = waiting.get(i);
        if (w.term() != null) {
          DivergedException.require(w.term(), read[i]);
        }
        if (w.name() != null) {
          values.merge(w.name(), w.weight() * read[i], Double::sum);
        }
      }
    } finally {
      waiting.clear();
      scopes.forEach(Scope::close);
      scopes.clear();
    }
    return this;
  }

  /**
   * The numbers by name, in order.
   *
   * @throws IllegalStateException if some have not been read
   */
  public Map<String, Double> values() {
    if (!waiting.isEmpty()) {
      throw new IllegalStateException(waiting.size() + " metrics have not been read yet");
    }
    return values;
  }

  /**
   * One number.
   *
   * @throws IllegalArgumentException if it was not noted
   */
  public double get(String name) {
    Double v = values().get(name);
    if (v == null) {
      throw new IllegalArgumentException(
          "no figure is called " + name + "; there are " + values.keySet());
    }
    return v;
  }
}
