package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * Trades time for memory (Chen et al., "Training deep nets with sublinear memory cost", 2016): a
 * segment of a network runs forward without keeping what its gradients need, and runs once more
 * when the backward pass comes to it.
 *
 * <pre>{@code
 * for (Block block : blocks) {
 *   x = ActivationCheckpointing.run(in -> block.forward(in.get(0), in.get(1)), List.of(x, time));
 * }
 * head.forward(x).sub(target).square().mean().backward();
 * }</pre>
 *
 * <p>The gradients are those of a {@linkplain #block block} that just runs, bit for bit, where the
 * block computes the same bits twice and shares no weights with another.
 *
 * <p>A segment must compute the same when it runs again: it draws no random numbers, and takes
 * every tensor, other than network weights, as an input. Where gradients are not recorded, segments
 * just run.
 */
public final class ActivationCheckpointing {
  private ActivationCheckpointing() {}

  /**
   * Runs a block of a network: again for the backward pass, if the network is {@linkplain
   * Parameters#checkpointing so set}; otherwise it keeps what it keeps.
   *
   * @param network the block is of
   * @param body from inputs to the answer, which is of a dtype with gradients
   * @param inputs every tensor but weights; null ones are handed over as they are
   */
  public static Tensor block(
      Parameters network,
      Function<List<@Nullable Tensor>, Tensor> body,
      @Nullable Tensor... inputs) {
    return network.checkpointing()
        ? run(body, Arrays.asList(inputs))
        : Scope.compute(() -> body.apply(aliases(inputs)));
  }

  /** So that a block's gradients are added up in one order, whether it runs again or not. */
  private static List<@Nullable Tensor> aliases(@Nullable Tensor... inputs) {
    List<@Nullable Tensor> own = new ArrayList<>();
    for (Tensor t : inputs) {
      own.add(t != null && Autograd.isOn() && t.requiresGrad() ? t.alias() : t);
    }
    return own;
  }

  /**
   * Runs a segment.
   *
   * @param body from inputs to the answer
   * @param inputs null ones are handed over as they are
   * @return the answer, in the current scope
   * @throws TensorException if the answer is of a dtype without gradients
   */
  public static Tensor run(
      Function<List<@Nullable Tensor>, Tensor> body, List<@Nullable Tensor> inputs) {
    if (!Autograd.isOn()) {
      return Scope.compute(() -> body.apply(inputs));
    }
    return Scope.compute(
        () -> {
          Tensor answer;
          try (Autograd off = Autograd.off()) {
            answer = Scope.compute(() -> body.apply(inputs));
          }
          // Weights may ask where no input does: a leaf that has no gradient stands for them.
          Tensor weights = Tensor.zeros(DType.FLOAT32, answer.device()).requireGrad(true);
          List<Tensor> given =
              Stream.concat(Stream.of(weights), inputs.stream().filter(t -> t != null)).toList();
          return CustomGradient.record(answer, given, new Segment(body, inputs));
        });
  }

  /** A segment that is to run again. */
  private static final class Segment implements CustomGradient.Backward {
    private final Function<List<@Nullable Tensor>, Tensor> body;
    private final List<@Nullable Tensor> inputs = new ArrayList<>();
    private final Scope scope = Scope.detached();

    Segment(Function<List<@Nullable Tensor>, Tensor> body, List<@Nullable Tensor> given) {
      this.body = body;
      try (Scope s = Scope.open()) {
        for (Tensor t : given) {
          inputs.add(t == null ? null : scope.keep(begun(t)));
        }
      }
    }

    /** The same values with a graph that begins here. */
    private static Tensor begun(Tensor t) {
      Tensor own = t.detach();
      return t.requiresGrad() ? own.requireGrad(true) : own;
    }

    @Override
    public List<@Nullable Tensor> gradients(Tensor result) {
      List<@Nullable Tensor> all = new ArrayList<>();
      all.add(null); // for what stands for weights
      Tensor answer;
      try (Autograd on = Autograd.on()) {
        answer = MetaMemory.again(() -> body.apply(inputs));
      }
      if (answer.requiresGrad()) {
        answer.backward(result.to(answer.dtype()));
      }
      for (Tensor t : inputs) {
        if (t != null) {
          all.add(t.requiresGrad() ? t.grad() : null);
        }
      }
      return all;
    }

    @Override
    public void close() {
      scope.close();
    }
  }
}
