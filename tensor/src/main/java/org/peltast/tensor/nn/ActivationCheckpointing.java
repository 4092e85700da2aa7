package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * Trades time for memory (Chen et al., "Training deep nets with sublinear memory cost", 2016): the
 * segments of a network run forward without keeping what their gradients need, and run once more,
 * one at a time and last to first, when the gradients are wanted.
 *
 * <pre>{@code
 * try (ActivationCheckpointing segments = new ActivationCheckpointing()) {
 *   for (Block block : blocks) {
 *     x = segments.run(in -> List.of(block.forward(in.get(0), in.get(1))), List.of(x, time)).get(0);
 *   }
 *   Tensor loss = head.forward(x).sub(target).square().mean();
 *   segments.backward(loss); // in place of loss.backward()
 * }
 * }</pre>
 *
 * <p>The gradients are those of {@code loss.backward()}, bit for bit where the segments compute the
 * same bits twice. libtorch on the JVM has no autograd functions of one's own, so it is done with
 * leaves: a segment's results begin a new graph, and {@link #backward} carries gradients across the
 * seams.
 *
 * <p>A segment must compute the same when it runs again: it draws no random numbers, and takes
 * every tensor that gradients flow through, other than network weights, as an input. Where
 * gradients are not recorded, segments just run. For one thread.
 */
public final class ActivationCheckpointing implements AutoCloseable {
  /** Owns this object's handles to inputs and results; the callers' own live as they please. */
  private Scope scope = Scope.detached();

  private final List<Segment> segments = new ArrayList<>();
  private final Map<Tensor, Input> inputs =
      new LinkedHashMap<>(); // by identity: tensors have no other

  /**
   * What a segment begins from.
   *
   * @param leaf what the segment is given when it runs again
   * @param source what made it, if that is a graph that the leaf's gradient must flow on into
   * @param firstUse the first segment that takes it: when that is done, the gradient is complete
   */
  private record Input(Tensor leaf, @Nullable Tensor source, int firstUse) {}

  private record Segment(
      Function<List<Tensor>, List<Tensor>> body, List<Input> inputs, List<Tensor> results) {}

  /** Nothing recorded yet. */
  public ActivationCheckpointing() {}

  /** Runs a segment of one input and one result. */
  public Tensor run(UnaryOperator<Tensor> body, Tensor input) {
    return run(in -> List.of(body.apply(in.get(0))), List.of(input)).get(0);
  }

  /**
   * Runs a segment.
   *
   * @param body from inputs to results, in their orders
   * @param given the inputs
   * @return the results, in the current scope
   */
  public List<Tensor> run(Function<List<Tensor>, List<Tensor>> body, List<Tensor> given) {
    if (!Autograd.isOn()) {
      return body.apply(given);
    }
    List<Input> begins = new ArrayList<>();
    for (Tensor t : given) {
      begins.add(begin(t));
    }
    List<Tensor> results = new ArrayList<>();
    try (Scope inner = Scope.open();
        Autograd off = Autograd.off()) {
      for (Tensor t : body.apply(given)) {
        Tensor result = t.detach();
        if (t.dtype().isFloating()) {
          result.requireGrad(true);
        }
        results.add(inner.release(result));
      }
    }
    if (results.isEmpty()) {
      throw new TensorException("a segment gives at least one tensor");
    }
    List<Tensor> handles = new ArrayList<>();
    for (Tensor t : results) {
      handles.add(held(t));
    }
    segments.add(new Segment(body, begins, handles));
    return results;
  }

  private Tensor held(Tensor t) {
    try (Scope s = Scope.open()) {
      return scope.keep(t.handle());
    }
  }

  private Input begin(Tensor t) {
    Input known = inputs.get(t);
    if (known != null) {
      return known;
    }
    Input input;
    if (!t.requiresGrad() || t.isLeaf()) {
      // Gradients stop here, or gather here by themselves.
      input = new Input(held(t), null, segments.size());
    } else {
      try (Scope s = Scope.open()) {
        Tensor leaf = scope.keep(t.detach().requireGrad(true));
        input = new Input(leaf, held(t), segments.size());
      }
    }
    inputs.put(t, input);
    return input;
  }

  /**
   * Adds the gradient of this rank-0 loss to every leaf that asked for it, through all segments run
   * since the last call, and forgets them.
   */
  public void backward(Tensor loss) {
    boolean shared = inputs.values().stream().anyMatch(i -> i.source() != null);
    try {
      // What lies between segments may be walked through from several sides, and must stay.
      loss.backward(shared);
      for (int i = segments.size() - 1; i >= 0; i--) {
        again(segments.get(i));
        for (Input input : inputs.values()) {
          if (input.source() != null && input.firstUse() == i) {
            flowOn(input.leaf(), input.source());
          }
        }
      }
    } finally {
      forget();
    }
  }

  private static void again(Segment segment) {
    try (Scope s = Scope.open()) {
      List<Tensor> given = new ArrayList<>();
      for (Input input : segment.inputs()) {
        given.add(input.leaf());
      }
      List<Tensor> gradients = new ArrayList<>();
      boolean any = false;
      for (Tensor result : segment.results()) {
        Tensor gradient = result.requiresGrad() ? result.grad() : null;
        any |= gradient != null;
        gradients.add(gradient == null ? result : gradient);
      }
      if (!any) {
        return; // the loss does not depend on it
      }
      List<Tensor> roots = new ArrayList<>();
      List<Tensor> cotangents = new ArrayList<>();
      try (Autograd on = Autograd.on()) {
        List<Tensor> results = segment.body().apply(given);
        if (results.size() != segment.results().size()) {
          throw new TensorException(
              "a segment gave "
                  + segment.results().size()
                  + " tensors first and "
                  + results.size()
                  + " when run again");
        }
        for (int i = 0; i < results.size(); i++) {
          if (results.get(i).requiresGrad() && gradients.get(i) != segment.results().get(i)) {
            roots.add(results.get(i));
            cotangents.add(gradients.get(i));
          }
        }
      }
      if (!roots.isEmpty()) {
        Tensor.backward(roots, cotangents, false);
      }
      for (Tensor result : segment.results()) {
        result.clearGrad();
      }
    }
  }

  private static void flowOn(Tensor leaf, Tensor source) {
    try (Scope s = Scope.open()) {
      Tensor gradient = leaf.grad();
      if (gradient != null) {
        Tensor.backward(List.of(source), List.of(gradient), true);
        leaf.clearGrad();
      }
    }
  }

  private void forget() {
    segments.clear();
    inputs.clear();
    scope.close();
    scope = Scope.detached();
  }

  /** The number of segments run since the last {@link #backward}. */
  public int size() {
    return segments.size();
  }

  /** Forgets the segments that no gradient was asked of. */
  @Override
  public void close() {
    forget();
  }
}
