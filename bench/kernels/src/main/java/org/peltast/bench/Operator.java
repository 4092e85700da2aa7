package org.peltast.bench;

import java.util.List;
import java.util.function.Function;
import org.peltast.models.zimage.ZImageConfig;
import org.peltast.tensor.Attention;
import org.peltast.tensor.DType;
import org.peltast.tensor.Linear;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.RmsNorm;
import org.peltast.tensor.SwiGlu;
import org.peltast.tensor.Tensor;

/**
 * What is measured. A constant says which weights it declares and how it answers; its input is
 * float32 [batch, tokens, dim] like a block's stream.
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
        return x -> norm.normalise(x, norm.weight().mul(x.mean(true, 1).detach()));
      }),

  /** Heads normalised and turned. */
  ROPE(
      (p, s) -> {
        RmsNorm norm = new RmsNorm(p.at("norm_q"), s.headDim(), 1e-5);
        // Any complex numbers do: the cost does not depend on the angles.
        return x -> {
          Tensor heads = norm.normalise(s.heads(x), norm.weight());
          return heads.asComplex().mul(heads.detach().narrow(0, 0, 1).asComplex()).asReal();
        };
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

    /** As a transformer of this width has it. */
    int feedForwardDim() {
      int other = Math.max(2, headDim() * 3 / 8 / 2 * 2);
      return new ZImageConfig(
              List.of(1),
              1,
              dim,
              1,
              0,
              headCount,
              1e-5,
              true,
              1,
              256,
              1000,
              List.of(headDim() - 2 * other, other, other),
              List.of(1, 1, 1))
          .feedForwardDim();
    }

    /** [B, S, dim] to [B, S, H, headDim]. */
    Tensor heads(Tensor x) {
      return x.reshape(batch, tokens, headCount, headDim());
    }
  }

  /** Declares weights and gives the computation. */
  @FunctionalInterface
  interface Preparation {
    Function<Tensor, Tensor> prepare(Parameters parameters, Sizes sizes);
  }

  private final Preparation preparation;

  Operator(Preparation preparation) {
    this.preparation = preparation;
  }

  Function<Tensor, Tensor> prepare(Parameters parameters, Sizes sizes) {
    return preparation.prepare(parameters, sizes);
  }
}
