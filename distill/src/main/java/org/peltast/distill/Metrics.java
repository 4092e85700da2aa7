package org.peltast.distill;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.parallel.ProcessGroup;

/**
 * The named numbers that one update yields, in the order in which they were noted.
 *
 * <p>What is still on its device is noted as the tensor that it is in, so that nobody waits for the
 * device in the middle of an update; {@link #settle} reads all of it at once.
 */
public final class Metrics {
  private final double share; // by which what is noted as a mean counts
  private final Map<String, Double> values = new LinkedHashMap<>();
  private final Set<String> partial = new LinkedHashSet<>(); // known sums over this process's items
  private final List<Waiting> waiting = new ArrayList<>();
  private final List<Scope> scopes = new ArrayList<>(); // of what waits

  /**
   * A number that has not been read.
   *
   * @param name of the figure that it is added to; null if it is only to be finite
   * @param weight what it is multiplied by
   * @param scalar [1] float32
   * @param term what it is called when it is not finite; null if it need not be
   * @param whole whether every process has the same number, of the whole batch
   */
  private record Waiting(
      @Nullable String name, double weight, Tensor scalar, @Nullable String term, boolean whole) {
    Waiting unnamed() {
      return new Waiting(null, weight, scalar, term, whole);
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
    return wait(name, share, scalar, null, false);
  }

  /** The same of a number that is known already. */
  public Metrics mean(String name, double value) {
    values.merge(name, share * value, Double::sum);
    partial.add(name);
    return this;
  }

  /** Notes a number of a micro-batch that must be finite, called {@code term} if it is not. */
  public Metrics finiteMean(String name, Tensor scalar, String term) {
    return wait(name, share, scalar, term, false);
  }

  /** Notes a number of the whole batch that must be finite, called {@code term} if it is not. */
  Metrics finite(String name, Tensor scalar, String term) {
    return wait(name, 1, scalar, term, true);
  }

  /** Demands that a number be finite, called {@code term} if it is not. */
  public Metrics requireFinite(Tensor scalar, String term) {
    return wait(null, 1, scalar, term, false);
  }

  private Metrics wait(
      @Nullable String name, double weight, Tensor scalar, @Nullable String term, boolean whole) {
    if (name != null) {
      values.putIfAbsent(name, 0.0); // its place in the order
    }
    if (scopes.isEmpty()) {
      scopes.add(Scope.detached());
    }
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor own = scopes.get(0).keep(scalar.detach().reshape(1).to(DType.FLOAT32));
      waiting.add(new Waiting(name, weight, own, term, whole));
    }
    return this;
  }

  /** Adds all of another's numbers, read or not; it is given up. */
  Metrics addAll(Metrics other) {
    other.values.forEach((name, value) -> values.merge(name, value, Double::sum));
    partial.addAll(other.partial);
    waiting.addAll(other.waiting);
    scopes.addAll(other.scopes);
    return this;
  }

  /** Notes all of another's numbers, read or not; it is given up. */
  Metrics putAll(Metrics other) {
    values.putAll(other.values);
    partial.addAll(other.partial);
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
    return settle(ProcessGroup.alone());
  }

  /**
   * Reads what waits, and sums what is noted of micro-batches over all processes; collective.
   *
   * @throws DivergedException naming the first that is not finite and must be, on all ranks alike
   */
  Metrics settle(ProcessGroup group) {
    if (waiting.isEmpty() && (partial.isEmpty() || group.size() == 1)) {
      return this;
    }
    Map<String, Double> sums = new LinkedHashMap<>(); // over this process's items
    Map<String, Double> required = new LinkedHashMap<>(); // by term: NaN if one is not finite
    try (Scope s = Scope.open()) {
      if (!waiting.isEmpty()) {
        float[] read = read(Tensor.cat(waiting.stream().map(Waiting::scalar).toList(), 0));
        for (int i = 0; i < read.length; i++) {
          Waiting w = waiting.get(i);
          if (w.term() != null) {
            required.merge(w.term(), (double) read[i], Metrics::lessFinite);
          }
          if (w.name() != null && w.whole()) {
            values.merge(w.name(), w.weight() * read[i], Double::sum);
          } else if (w.name() != null) {
            sums.merge(w.name(), w.weight() * read[i], Double::sum);
          }
        }
      }
      if (group.size() > 1) {
        partial.forEach(name -> sums.merge(name, values.getOrDefault(name, 0.0), Double::sum));
        partial.forEach(name -> values.put(name, 0.0));
        sumOver(group, sums, required);
      }
    } finally {
      partial.clear();
      waiting.clear();
      scopes.forEach(Scope::close);
      scopes.clear();
    }
    required.forEach((term, value) -> DivergedException.require(term, value.floatValue()));
    sums.forEach((name, sum) -> values.merge(name, sum, Double::sum));
    return this;
  }

  /**
   * The one place in an update where the host reads numbers. On the meta device there are none to
   * read, and each counts as 0.
   */
  private static float[] read(Tensor numbers) {
    return numbers.device().kind() == Device.Kind.META
        ? new float[(int) numbers.count()]
        : numbers.toFloats();
  }

  /** Of two numbers the one that is not finite, if one is. */
  private static double lessFinite(double a, double b) {
    return Double.isFinite(a) ? b : a;
  }

  /** One message: sums, and for each term that must be finite a number that is no sum if not. */
  private static void sumOver(
      ProcessGroup group, Map<String, Double> sums, Map<String, Double> required) {
    float[] all = new float[sums.size() + required.size()];
    int at = 0;
    for (double sum : sums.values()) {
      all[at++] = (float) sum;
    }
    for (double value : required.values()) {
      all[at++] = Double.isFinite(value) ? 0 : (float) value;
    }
    Tensor reduced = Tensor.of(all, all.length);
    group.allReduceSum(reduced);
    float[] total = reduced.toFloats();
    at = 0;
    for (Map.Entry<String, Double> sum : sums.entrySet()) {
      sum.setValue((double) total[at++]);
    }
    for (Map.Entry<String, Double> term : required.entrySet()) {
      term.setValue((double) total[at++]);
    }
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
