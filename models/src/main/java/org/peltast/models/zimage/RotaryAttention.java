package org.peltast.models.zimage;

import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Attention;
import org.peltast.tensor.DType;
import org.peltast.tensor.Linear;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.RmsNorm;
import org.peltast.tensor.Tensor;

/** Multi-head self-attention with normalised, rotated queries and keys. */
final class RotaryAttention {
  private final int heads;
  private final int headDim;
  private final Linear toQ; // [dim, dim]
  private final Linear toK; // [dim, dim]
  private final Linear toV; // [dim, dim]
  private final Linear toOut; // [dim, dim]
  private final @Nullable RmsNorm normQ; // [headDim]
  private final @Nullable RmsNorm normK; // [headDim]

  RotaryAttention(Parameters p, ZImageConfig config) {
    int dim = config.dim();
    heads = config.heads();
    headDim = config.headDim();
    normQ = config.qkNorm() ? new RmsNorm(p.at("norm_q"), headDim, ZImageConfig.QK_NORM_EPS) : null;
    normK = config.qkNorm() ? new RmsNorm(p.at("norm_k"), headDim, ZImageConfig.QK_NORM_EPS) : null;
    toQ = new Linear(p.at("to_q"), dim, dim, false);
    toK = new Linear(p.at("to_k"), dim, dim, false);
    toV = new Linear(p.at("to_v"), dim, dim, false);
    toOut = new Linear(p.at("to_out").at("0"), dim, dim, false);
  }

  /**
   * Attends within each item.
   *
   * @param x [B, S, dim]
   * @param rope complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S], 0 or −∞ to add to the scores; null where every key counts
   * @param asked A, the tokens, from the first, that attend; all are attended to
   * @return [B, A, dim] in the product dtype
   */
  Tensor forward(Tensor x, Tensor rope, @Nullable Tensor mask, int asked) {
    long b = x.size(0);
    long s = x.size(1);
    DType products = toQ.weight().inProducts().dtype();
    Tensor in = x.to(products);
    // The scores' 1/√headDim goes into the queries, where it costs nothing.
    double scale = 1 / Math.sqrt(headDim);
    Tensor q;
    Tensor kv; // [B, S, 2, H, headDim]
    if (asked == s) {
      // One product for all three projections: [3·dim, dim].
      Tensor qkv = project(in, toQ, toK, toV).reshape(b, s, 3, heads, headDim);
      q = qkv.select(2, 0);
      kv = qkv.narrow(2, 1, 2);
    } else {
      q = project(in.narrow(1, 0, asked), toQ).reshape(b, asked, heads, headDim);
      kv = project(in, toK, toV).reshape(b, s, 2, heads, headDim);
    }
    Tensor places = rope.narrow(rope.rank() - 3, 0, asked);
    q = rotated(q, normQ, scale, places).to(products).transpose(1, 2);
    Tensor k = rotated(kv.select(2, 0), normK, 1, rope).to(products).transpose(1, 2);
    Tensor v = kv.select(2, 1).transpose(1, 2); // [B, H, S, headDim], as k
    Tensor attended = Attention.scaled(q, k, v, mask); // [B, H, A, headDim]
    Tensor out = attended.transpose(1, 2).reshape(b, asked, heads * (long) headDim);
    return toOut.forward(out);
  }

  private static Tensor project(Tensor x, Linear... layers) {
    List<Tensor> weights = Stream.of(layers).map(l -> l.weight().inProducts()).toList();
    return x.linear(weights.size() == 1 ? weights.get(0) : Tensor.cat(weights, 0), null);
  }

  /** Normalised, scaled and turned: float32 [B, S, H, headDim]. */
  private static Tensor rotated(Tensor x, @Nullable RmsNorm norm, double scale, Tensor rope) {
    Tensor n =
        norm == null
            ? x.to(DType.FLOAT32).mul(scale)
            : norm.normalise(
                x, scale == 1 ? norm.weight().value() : norm.weight().value().mul(scale));
    return n.asComplex().mul(rope).asReal();
  }

  Parameter normQ() {
    return weight(normQ);
  }

  Parameter normK() {
    return weight(normK);
  }

  private static Parameter weight(@Nullable RmsNorm norm) {
    if (norm == null) {
      throw new IllegalStateException("queries and keys are not normed here");
    }
    return norm.weight();
  }

  Parameter toQ() {
    return toQ.weight();
  }

  Parameter toK() {
    return toK.weight();
  }

  Parameter toV() {
    return toV.weight();
  }

  Parameter toOut() {
    return toOut.weight();
  }
}
