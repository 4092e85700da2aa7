package org.peltast.bench.kernels;

import java.util.List;
import java.util.function.Function;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Factor;
import org.peltast.tensor.kernels.Fused;
import org.peltast.tensor.kernels.Gate;
import org.peltast.tensor.kernels.Norms;
import org.peltast.tensor.kernels.Rotary;
import org.peltast.tensor.kernels.RotaryTable;
import org.peltast.tensor.kernels.Softmax;
import org.peltast.tensor.nn.Attention;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;
import org.peltast.tensor.nn.SwiGlu;

/**
 * What is measured. A constant says which weights it declares and how it answers; its input is
 * float32 [batch, tokens, dim] like a block's stream. A fused kernel stands beside the operators
 * that it replaces.
 */
public enum Operator {
  /** Queries, keys and values in one product: [3·dim, dim]. */
  LINEAR(
      (p, s) -> {
        Linear layer = new Linear(p.at("linear"), s.dim(), 3L * s.dim(), false);
        return layer::forward;
      }),

  /** RMS norm, modulated: one factor for each item and channel. */
  NORM(
      (p, s) -> {
        RmsNorm norm = new RmsNorm(p.at("norm"), s.dim(), 1e-5);
        return x -> norm.normalise(x, norm.weight().value().mul(x.detach().narrow(1, 0, 1)));
      }),

  /** {@link #NORM} by the kernel. */
  FUSED_NORM(
      s -> {
        Norms.Layout l = new Norms.Layout(s.batch(), s.tokens(), s.tokens(), s.dim(), 1e-5f);
        float[] x = new float[s.batch() * s.tokens() * s.dim()];
        float[] dx = new float[x.length];
        HostBuffer kept = s.stream();
        HostBuffer n = s.operand();
        HostBuffer dn = s.operand();
        float[] r = new float[s.batch() * s.tokens()];
        Factor f = Factor.each(new float[s.batch() * s.dim()], s.dim());
        Factor df = Factor.each(new float[s.batch() * s.dim()], s.dim());
        return List.of(
            () -> l.pass(Norms.norm(l, x, f, n, r)),
            () -> l.pass(Norms.normBack(l, dx, kept, r, f, dn, df)));
      }),

  /** Heads normalised and turned. */
  ROPE(
      (p, s) -> {
        RmsNorm norm = new RmsNorm(p.at("norm_q"), s.headDim(), 1e-5);
        // Any complex numbers do: the cost does not depend on the angles.
        return x -> {
          Tensor heads = norm.normalise(s.heads(x), norm.weight().value());
          Tensor turns = heads.detach().narrow(0, 0, 1).asComplex();
          return heads.asComplex().mul(turns).asReal();
        };
      }),

  /** {@link #ROPE} by the kernel. */
  FUSED_ROPE(
      s -> {
        Rotary.Layout l =
            new Rotary.Layout(s.batch(), s.tokens(), s.tokens(), s.headCount(), s.headDim(), 1e-5f);
        HostBuffer x = s.operand();
        HostBuffer y = s.operand();
        HostBuffer dy = s.operand();
        float[] f = new float[s.headDim()];
        float[] df = new float[s.headDim()];
        RotaryTable turns =
            RotaryTable.of(new float[s.tokens() * s.headDim()], s.tokens(), s.headDim());
        return List.of(
            () -> Rotary.forward(l, x, f, turns, y),
            () -> Rotary.backward(l, x, f, turns, dy, dy, df));
      }),

  /** Rows as long as an item, as those of attention's scores are. */
  SOFTMAX((p, s) -> x -> x.reshape(-1, s.tokens()).softmax(-1)),

  /** {@link #SOFTMAX} by the kernel, in place. */
  FUSED_SOFTMAX(
      s -> {
        HostBuffer x = s.operand();
        HostBuffer dy = s.operand();
        return List.of(
            () -> Softmax.forward(x, s.batch(), s.tokens(), null),
            () -> Softmax.backward(x, s.tokens(), dy));
      }),

  /** The gate within {@link #SWIGLU}, without its products. */
  GATE(
      (p, s) -> {
        Parameter gated =
            p.declare("gated", Parameters.Init.ones(), s.batch(), s.tokens(), s.dim());
        return x -> x.silu().mul(gated.value());
      }),

  /** {@link #GATE} by the kernel. */
  FUSED_GATE(
      s -> {
        HostBuffer u = s.operand();
        HostBuffer v = s.operand();
        HostBuffer y = s.operand();
        Gate.Layout l = new Gate.Layout(s.batch() * s.tokens(), s.dim(), s.dim());
        return List.of(() -> Gate.forward(l, u, v, y), () -> Gate.backward(l, u, v, y));
      }),

  /** Softmax attention as two batched products, as the network computes it. */
  ATTENTION_BY_PRODUCTS(
      (p, s) ->
          x -> {
            Tensor q = s.heads(x).to(s.products()).transpose(1, 2); // [B, H, S, headDim]
            Tensor scores = q.mul(1 / Math.sqrt(s.headDim())).matmul(q.transpose(2, 3));
            return scores.softmax(-1).matmul(q);
          }),

  /** Softmax attention by libtorch's own operator. */
  ATTENTION(
      (p, s) ->
          x -> {
            Tensor q = s.heads(x).to(s.products()).transpose(1, 2); // [B, H, S, headDim]
            return Attention.of(q, q, q, null);
          }),

  /** The gated feed-forward layer. */
  SWIGLU(
      (p, s) -> {
        SwiGlu layer = new SwiGlu(p.at("swiglu"), s.dim(), s.feedForwardDim());
        return layer::forward;
      });

  /**
   * What it is measured on.
   *
   * @param products dtype of products
   */
  public record Sizes(int batch, int tokens, int dim, int headCount, DType products) {
    int headDim() {
      return dim / headCount;
    }

    /** As a transformer of this width with a SwiGLU feed-forward has it. */
    int feedForwardDim() {
      return (int) (dim / 3.0 * 8);
    }

    /** Memory of a stream, float32 [B, S, dim]. */
    HostBuffer stream() {
      return HostBuffer.allocate(batch, tokens, dim);
    }

    /** Memory of what products read or write, [B, S, dim] in their dtype. */
    HostBuffer operand() {
      return HostBuffer.allocate(products, batch, tokens, dim);
    }

    /** [B, S, dim] to [B, S, H, headDim]. */
    Tensor heads(Tensor x) {
      return x.reshape(batch, tokens, headCount, headDim());
    }
  }

  /**
   * What is timed.
   *
   * @param forward without gradient
   * @param forwardAndBack with gradients of input and weights
   */
  public record Passes(Runnable forward, Runnable forwardAndBack) {}

  /** Declares weights and gives the computation. */
  @FunctionalInterface
  interface Preparation {
    Function<Tensor, Tensor> prepare(Parameters parameters, Sizes sizes);
  }

  /** All that a benchmark needs; what it holds in native memory is kept in the scope. */
  @FunctionalInterface
  private interface Making {
    Passes make(Parameters parameters, Sizes sizes, Scope kept);
  }

  private final Making making;

  /** libtorch's operators. */
  Operator(Preparation preparation) {
    making =
        (parameters, s, kept) -> operators(preparation.prepare(parameters, s), parameters, s, kept);
  }

  /**
   * A kernel of ours, with memory as a block has it. That is all zeros: kernels overwrite what they
   * were given, and zeros stay zeros, where other numbers would in time become so small that
   * arithmetic takes another path. No time depends on them otherwise.
   *
   * @param ways forward and back
   */
  Operator(Function<Sizes, List<Runnable>> ways) {
    making =
        (parameters, s, kept) -> {
          if (Fused.obstacle() != null) {
            throw new IllegalStateException("the kernels cannot run: " + Fused.obstacle());
          }
          List<Runnable> both = ways.apply(s);
          return new Passes(both.get(0), () -> both.forEach(Runnable::run));
        };
  }

  Passes prepare(Parameters parameters, Sizes sizes, Scope kept) {
    return making.make(parameters, sizes, kept);
  }

  private static Passes operators(
      Function<Tensor, Tensor> computation, Parameters parameters, Sizes s, Scope kept) {
    parameters.initialise(Rng.of(1));
    parameters.trainable(true);
    Tensor input;
    Tensor cotangent;
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      input = kept.keep(Rng.of(2).normal(s.batch(), s.tokens(), s.dim()));
      Tensor answer = computation.apply(input);
      cotangent = kept.keep(Rng.of(3).normal(answer.shape()).to(answer.dtype()));
    }
    return new Passes(
        () -> {
          try (Scope scope = Scope.open();
              Autograd off = Autograd.off()) {
            Tensor unused = computation.apply(input); // freed with the scope
          }
        },
        () -> {
          try (Scope scope = Scope.open()) {
            computation.apply(input.detach().requireGrad(true)).backward(cotangent);
            parameters.clearGradients();
          }
        });
  }
}
