package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Lets a function bring its own gradient: {@link #record} puts a result that was computed by hand
 * into the graph, and {@link Tensor#backward()} then asks the {@link Backward} for the gradients of
 * its inputs, as it asks libtorch's operations for theirs.
 *
 * <pre>{@code
 * Tensor y = CustomGradient.record(square(x), List.of(x), dy -> List.of(dy.mul(x).mul(2)));
 * y.sum().backward(); // x.grad() is 2x
 * }</pre>
 *
 * <p>libtorch's Java binding has no functions of one's own, so the graph is cut: the result is a
 * new leaf, and once libtorch has walked back to it this class carries the gradient on, last
 * function first. What a function keeps is freed when its gradient was taken, or when no graph
 * leads to its result any more. Functions belong to the thread that recorded them.
 */
public final class CustomGradient {
  /** The backward half of a function, and what it keeps of the forward half. */
  @FunctionalInterface
  public interface Backward extends AutoCloseable {
    /**
     * The gradients of the loss by each input; called at most once, without recording.
     *
     * @param result the gradient by the result, of the result's shape
     * @return one for each input, in order and of its shape; null where it is zero or not asked
     *     for. Weights that keep gradients of their own may be given them there instead
     */
    List<@Nullable Tensor> gradients(Tensor result);

    /** Frees what was kept. */
    @Override
    default void close() {}
  }

  private static final ThreadLocal<List<Node>> TAPE = ThreadLocal.withInitial(ArrayList::new);

  private CustomGradient() {}

  /**
   * Makes a computed value part of the graph.
   *
   * @param value computed without recording; the caller gives it up for the result
   * @param inputs what the value was computed from, as far as gradients are of interest
   * @param backward closed by this class, whatever happens
   * @return the value; with a gradient, if recording is on and an input asks for one
   */
  public static Tensor record(Tensor value, List<Tensor> inputs, Backward backward) {
    Objects.requireNonNull(backward, "backward");
    if (!wanted(inputs)) {
      backward.close();
      return value;
    }
    if (!value.dtype().isFloating()) {
      backward.close();
      throw new TensorException("only floating-point results have gradients, got " + value);
    }
    prune();
    Tensor result = value.detach().requireGrad(true);
    TAPE.get().add(new Node(result, inputs, backward));
    return result;
  }

  /** Whether a function of these inputs must be recorded: else nothing need be kept for it. */
  public static boolean wanted(List<Tensor> inputs) {
    return Autograd.isOn() && inputs.stream().anyMatch(Tensor::requiresGrad);
  }

  /** Whether functions are waiting: then the graph between them is walked several times. */
  static boolean pending() {
    return !TAPE.get().isEmpty();
  }

  /** The number of functions whose results a graph still leads to. */
  static int size() {
    prune();
    return TAPE.get().size();
  }

  /** Carries gradients through every function whose result has just received one. */
  static void unwind() {
    List<Node> tape = TAPE.get();
    for (int i = tape.size() - 1; i >= 0; i--) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Tensor gradient = tape.get(i).leaf.grad();
        if (gradient != null) {
          try (Node node = tape.remove(i)) {
            node.carry(gradient);
          }
        }
      }
    }
    prune();
  }

  /** Forgets functions whose results nobody holds any more. */
  static void prune() {
    List<Node> tape = TAPE.get();
    List<Node> forgotten = new ArrayList<>();
    for (int i = tape.size() - 1; i >= 0; i--) {
      if (tape.get(i).leaf.isHeldByOne()) {
        Node node = tape.remove(i);
        node.scope.close(); // first: it may be what held an earlier function's result
        forgotten.add(node);
      }
    }
    for (Node node : forgotten) {
      node.close();
    }
  }

  /** One recorded function. */
  private static final class Node implements AutoCloseable {
    private final Scope scope = Scope.detached();
    private final Tensor leaf;
    private final List<Tensor> inputs = new ArrayList<>();
    private final Backward backward;

    Node(Tensor result, List<Tensor> given, Backward backward) {
      this.backward = backward;
      try (Scope s = Scope.open()) {
        leaf = scope.keep(result.handle());
        for (Tensor t : given) {
          inputs.add(scope.keep(t.handle()));
        }
      }
    }

    void carry(Tensor gradient) {
      List<@Nullable Tensor> gradients = backward.gradients(gradient);
      if (gradients.size() != inputs.size()) {
        throw new TensorException(
            "a function of " + inputs.size() + " inputs gave " + gradients.size() + " gradients");
      }
      List<Tensor> sources = new ArrayList<>();
      List<Tensor> cotangents = new ArrayList<>();
      for (int i = 0; i < gradients.size(); i++) {
        Tensor input = inputs.get(i);
        Tensor g = gradients.get(i);
        if (g == null || !input.requiresGrad()) {
          continue;
        }
        if (!g.hasShape(input.shape())) {
          throw new TensorException(
              "a function gave the gradient " + g + " for its input " + input);
        }
        if (input.isLeaf()) {
          input.contribute(() -> input.accumulateGrad(g.to(input.dtype())));
        } else {
          sources.add(input);
          cotangents.add(g);
        }
      }
      if (!sources.isEmpty()) {
        Tensor.walk(sources, cotangents, true);
      }
    }

    @Override
    public void close() {
      scope.close();
      try (Scope s = Scope.open()) {
        backward.close();
      }
    }
  }
}
