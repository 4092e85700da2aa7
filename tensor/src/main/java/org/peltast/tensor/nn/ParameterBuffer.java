package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * A flat float32 host buffer of several weights' values or gradients, one weight after another:
 * what processes exchange in one message.
 *
 * <p>Behind the numbers lies one more float32 for each weight, which counts the processes that had
 * a gradient for it: sums of buffers so tell which weights have none anywhere.
 */
public final class ParameterBuffer {
  private final List<Parameter> parameters;
  private final HostBuffer memory;
  private final Tensor whole;
  private final Tensor counts; // [parameters] float32
  private final List<Tensor> parts = new ArrayList<>();

  /**
   * A buffer of zeros.
   *
   * @throws TensorException if there are no weights, or they take more than 2 GiB
   */
  public ParameterBuffer(List<Parameter> parameters) {
    this.parameters = List.copyOf(parameters);
    if (this.parameters.isEmpty()) {
      throw new TensorException("a buffer of weights needs at least one weight");
    }
    long count = this.parameters.stream().mapToLong(p -> p.whole().count()).sum();
    this.memory = HostBuffer.allocate(count + this.parameters.size());
    this.whole = memory.tensor();
    long from = 0;
    for (Parameter p : this.parameters) {
      long start = from;
      long n = p.whole().count();
      long[] shape = p.whole().shape();
      parts.add(memory.view(t -> t.narrow(0, start, n).reshape(shape)));
      from += n;
    }
    this.counts = memory.view(t -> t.narrow(0, count, this.parameters.size()));
  }

  /** The weights, in the buffer's order. */
  public List<Parameter> parameters() {
    return parameters;
  }

  /** The buffer's memory, for transports. */
  public HostBuffer memory() {
    return memory;
  }

  /**
   * Copies the gradients, summed over workers in their order; zeros where there is none. The
   * weights' own gradients stay as they are.
   */
  public void readGradients() {
    read(new long[0]);
  }

  /**
   * The same of some workers alone.
   *
   * @param workers for each weight, bit w set if worker w's gradient is read
   * @throws TensorException if there is not one for each weight
   */
  public void readGradients(long... workers) {
    if (workers.length != parameters.size()) {
      throw new TensorException(
          workers.length + " sets of workers were given for " + parameters.size() + " weights");
    }
    read(workers);
  }

  private void read(long[] workers) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      float[] present = new float[parameters.size()];
      for (int i = 0; i < present.length; i++) {
        long of = workers.length == 0 ? -1L : workers[i];
        present[i] = parameters.get(i).sumGradients(parts.get(i), of) ? 1 : 0;
      }
      counts.copyFrom(Tensor.of(present, present.length));
    }
  }

  /** Makes the numbers the weights' gradients, where any process had one; no others are left. */
  public void writeGradients() {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      float[] present = counts.toFloats();
      for (int i = 0; i < present.length; i++) {
        Parameter p = parameters.get(i);
        if (present[i] > 0) {
          p.setGradient(parts.get(i));
        } else {
          p.clearGradients();
        }
      }
    }
  }

  /** Copies the weights' values. */
  public void readValues() {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (int i = 0; i < parts.size(); i++) {
        parts.get(i).copyFrom(parameters.get(i).whole());
      }
    }
  }

  /**
   * Copies tensors, one of each weight's shape.
   *
   * @throws TensorException if a shape differs, or there is not one for each weight
   */
  public void readTensors(List<Tensor> from) {
    requireAll(from);
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (int i = 0; i < parts.size(); i++) {
        parts.get(i).copyFrom(from.get(i));
      }
    }
  }

  /** Copies the numbers to tensors, the opposite of {@link #readTensors}. */
  public void writeTensors(List<Tensor> to) {
    requireAll(to);
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (int i = 0; i < parts.size(); i++) {
        to.get(i).copyFrom(parts.get(i));
      }
    }
  }

  private void requireAll(List<Tensor> tensors) {
    if (tensors.size() != parts.size()) {
      throw new TensorException(
          tensors.size() + " tensors were given for " + parts.size() + " weights");
    }
  }

  /**
   * Makes the numbers the weights' values, bit for bit, and renews what was made of the old ones.
   */
  public void writeValues() {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (int i = 0; i < parts.size(); i++) {
        parameters.get(i).setValue(parts.get(i));
      }
    }
  }

  /**
   * {@code this ← this + other}.
   *
   * @throws TensorException if the other is of another size
   */
  public void add(ParameterBuffer other) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      whole.addInPlace(other.whole);
    }
  }
}
