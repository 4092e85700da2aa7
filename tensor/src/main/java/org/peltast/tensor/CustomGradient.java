package org.peltast.tensor;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;
import org.bytedeco.pytorch.VoidTensorHook;
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
 * <p>libtorch's Java binding has no functions of one's own, but it has hooks on gradients. So the
 * result is tied to its inputs by operations that compute nothing (a sum of each input, of which no
 * element is added to the result); the hook on the result asks for the gradients, and a hook on
 * each input's part puts its own in the place of the zeros that libtorch would send there. A pass
 * through the graph is one pass, functions included, and frees as it goes. What a function keeps is
 * freed when its gradient was taken, or when no graph leads to its result any more. Functions
 * belong to the thread that recorded them.
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

  /** What a function of this thread threw: libtorch carries on its words alone. */
  private static final ThreadLocal<@Nullable Throwable> FAILURE = new ThreadLocal<>();

  /** Handles that libtorch has been given and has copied by the time that it calls again. */
  private static final ThreadLocal<Deque<org.bytedeco.pytorch.Tensor>> DELIVERED =
      ThreadLocal.withInitial(ArrayDeque::new);

  private CustomGradient() {}

  /**
   * Makes a computed value part of the graph.
   *
   * @param value computed without recording, in memory that nothing else uses; the caller gives it
   *     up for the result
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
    Node node = new Node(inputs, backward);
    TAPE.get().add(node);
    return value.rank() == 0 ? node.tied(value.reshape(1)).reshape() : node.tied(value);
  }

  /** Whether a function of these inputs must be recorded: else nothing need be kept for it. */
  public static boolean wanted(List<Tensor> inputs) {
    return Autograd.isOn() && inputs.stream().anyMatch(Tensor::requiresGrad);
  }

  /** The number of functions whose gradient may still be asked for. */
  static int size() {
    prune();
    return (int) TAPE.get().stream().filter(node -> !node.used).count();
  }

  /** Forgets functions whose results nobody holds any more. */
  static void prune() {
    List<Node> tape = TAPE.get();
    List<Node> forgotten = new ArrayList<>();
    for (int i = tape.size() - 1; i >= 0; i--) {
      if (!tape.get(i).running && tape.get(i).isForgotten()) {
        Node node = tape.remove(i);
        node.scope.close(); // first: it may be what held an earlier function's result
        forgotten.add(node);
      }
    }
    for (Node node : forgotten) {
      node.close();
    }
  }

  /** Frees handles that libtorch has copied. */
  static void deliver() {
    Deque<org.bytedeco.pytorch.Tensor> delivered = DELIVERED.get();
    while (!delivered.isEmpty()) {
      delivered.pop().close();
    }
  }

  /** Throws what a function threw during the pass that has just failed, if one did. */
  static void rethrow() {
    Throwable thrown = FAILURE.get();
    FAILURE.remove();
    if (thrown instanceof RuntimeException e) {
      throw e;
    }
    if (thrown instanceof Error e) {
      throw e;
    }
  }

  /** One recorded function. */
  private static final class Node implements AutoCloseable {
    private final Scope scope = Scope.detached();
    private final Tensor marker; // a leaf that the graph holds for as long as it is there
    private final List<Tensor> inputs = new ArrayList<>();
    private final List<@Nullable InputHook> edges = new ArrayList<>(); // null to leaves
    private final Backward backward;
    private final ResultHook asking = new ResultHook(this);
    private boolean used;
    private boolean running;

    Node(List<Tensor> given, Backward backward) {
      this.backward = backward;
      try (Scope s = Scope.open()) {
        Device device = given.get(0).device();
        marker = scope.keep(Tensor.zeros(DType.FLOAT32, device).requireGrad(true));
        for (Tensor t : given) {
          inputs.add(scope.keep(t.handle()));
          edges.add(t.requiresGrad() && !t.isLeaf() ? new InputHook() : null);
        }
      }
    }

    boolean isForgotten() {
      return marker.isHeldByOne();
    }

    /** The value, [n, …], with all inputs in its graph and nothing added to it. */
    Tensor tied(Tensor value) {
      try (Scope s = Scope.open()) {
        Tensor sum = marker.add(0);
        for (int i = 0; i < inputs.size(); i++) {
          InputHook hook = edges.get(i);
          if (hook != null) {
            Tensor part = inputs.get(i).alias();
            part.raw().register_hook(hook);
            sum = sum.add(part.sum().to(DType.FLOAT32));
          }
        }
        Tensor result = value.detach();
        Tensor added = sum.to(value.dtype());
        if (result.device().kind() == Device.Kind.META) {
          Tensor.guarded("record", () -> result.raw().add_(added.raw())); // which has no values
        } else {
          long[] none = value.shape();
          none[0] = 0;
          Tensor rows = added.expand(none);
          Tensor index = Tensor.zeros(DType.INT64, value.device(), 0);
          Tensor.guarded("record", () -> result.raw().index_add_(0, index.raw(), rows.raw()));
        }
        result.raw().register_hook(asking);
        return s.release(result);
      }
    }

    /** The gradient by the result has come. */
    void ask(TensorBase raw) {
      running = true;
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        Tensor gradient = Tensor.adopt(new org.bytedeco.pytorch.Tensor(raw), s);
        if (used) {
          throw new TensorException(
              "a function with a gradient of its own is walked through once, not twice");
        }
        used = true;
        List<@Nullable Tensor> all = backward.gradients(gradient);
        if (all.size() != inputs.size()) {
          throw new TensorException(
              "a function of " + inputs.size() + " inputs gave " + all.size() + " gradients");
        }
        for (int i = 0; i < all.size(); i++) {
          pass(inputs.get(i), all.get(i), edges.get(i));
        }
      } finally {
        try (Scope s = Scope.open()) {
          backward.close();
        }
        running = false;
      }
    }

    private void pass(Tensor input, @Nullable Tensor g, @Nullable InputHook edge) {
      if (g == null || !input.requiresGrad()) {
        return;
      }
      if (!g.hasShape(input.shape())) {
        throw new TensorException("a function gave the gradient " + g + " for its input " + input);
      }
      if (edge == null) {
        input.contribute(() -> input.accumulateGrad(g.to(input.dtype())));
      } else {
        edge.gradient = new org.bytedeco.pytorch.Tensor(g.to(input.dtype()).raw());
      }
    }

    @Override
    public void close() {
      scope.close();
      asking.close();
      edges.stream().filter(Objects::nonNull).forEach(InputHook::close);
      if (!used) {
        used = true;
        try (Scope s = Scope.open()) {
          backward.close();
        }
      }
    }
  }

  /** Called by libtorch with the gradient by a function's result. */
  private static final class ResultHook extends VoidTensorHook {
    private static final long serialVersionUID = 1L;

    private final transient Node node;

    ResultHook(Node node) {
      this.node = node;
    }

    @Override
    public void call(TensorBase gradient) {
      deliver();
      try (gradient) { // a handle of its own, which nobody else frees
        node.ask(gradient);
      } catch (RuntimeException | Error e) {
        FAILURE.set(e);
        throw e;
      }
    }
  }

  /** Called by libtorch with zeros where an input's gradient belongs. */
  private static final class InputHook extends TensorTensorHook {
    private static final long serialVersionUID = 1L;

    private transient org.bytedeco.pytorch.@Nullable Tensor gradient;

    @Override
    public TensorBase call(TensorBase zeros) {
      zeros.close();
      deliver();
      org.bytedeco.pytorch.Tensor given = gradient;
      gradient = null;
      if (given == null) {
        given = new org.bytedeco.pytorch.Tensor(); // leaves the zeros
      }
      DELIVERED.get().add(given);
      return given;
    }

    @Override
    public void close() {
      if (gradient != null) {
        gradient.close();
        gradient = null;
      }
      super.close();
    }
  }
}
