package org.peltast.models.text;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;

/**
 * Causal self-attention in which several heads of queries share one of keys and values (Ainslie et
 * al., 2023), with rotary positions; Qwen3 norms each head's queries and keys, Gemma 2 caps scores
 * by {@code c · tanh(score / c)} before the mask.
 */
final class GroupedQueryAttention {
  private final DecoderConfig config;
  private final Linear toQ; // [heads · headWidth, width]
  private final Linear toK; // [keyValueHeads · headWidth, width]
  private final Linear toV; // [keyValueHeads · headWidth, width]
  private final Linear toOut; // [width, heads · headWidth]
  private final @Nullable RmsNorm normQ; // [headWidth]
  private final @Nullable RmsNorm normK; // [headWidth]

  GroupedQueryAttention(Parameters p, DecoderConfig config) {
    this.config = config;
    int width = config.width();
    long queries = (long) config.heads() * config.headWidth();
    long keys = (long) config.keyValueHeads() * config.headWidth();
    boolean bias = config.projectionBias();
    toQ = new Linear(p.at("q_proj"), width, queries, bias);
    toK = new Linear(p.at("k_proj"), width, keys, bias);
    toV = new Linear(p.at("v_proj"), width, keys, bias);
    toOut = new Linear(p.at("o_proj"), queries, width, bias);
    boolean normed = !config.isGemma();
    normQ = normed ? new RmsNorm(p.at("q_norm"), config.headWidth(), config.normEps()) : null;
    normK = normed ? new RmsNorm(p.at("k_norm"), config.headWidth(), config.normEps()) : null;
  }

  /**
   * Attends within each item.
   *
   * @param x [B, S, D] float32
   * @return [B, S, D] in the product dtype
   */
  Tensor forward(Tensor x, RotaryPositions positions, CausalMask mask) {
    long b = x.size(0);
    long s = x.size(1);
    long d = config.headWidth();
    long shared = config.keyValueHeads();
    Tensor q = rotated(toQ.forward(x), config.heads(), normQ, positions);
    Tensor k = rotated(toK.forward(x), shared, normK, positions);
    Tensor v = toV.forward(x).reshape(b, s, shared, d).transpose(1, 2); // [B, K, S, d]
    // A group's queries are rows of one product with the keys that they share.
    Tensor rows = q.reshape(b, shared, config.heads() / shared * s, d);
    Tensor weights =
        mask.softmax(scores(rows, k).reshape(b, config.heads(), s, s))
            .to(v.dtype())
            .reshape(b, shared, config.heads() / shared * s, s);
    Tensor attended = weights.matmul(v).reshape(b, config.heads(), s, d);
    return toOut.forward(attended.transpose(1, 2).reshape(b, s, config.heads() * d));
  }

  /**
   * Scaled and capped. Both references multiply queries and keys of the product dtype; Qwen3's goes
   * on in float32, Gemma 2's rounds after each operation.
   */
  private Tensor scores(Tensor rows, Tensor keys) {
    Tensor turned = keys.transpose(2, 3);
    if (!config.isGemma()) {
      return rows.to(DType.FLOAT32).matmul(turned.to(DType.FLOAT32)).mul(config.queryScale());
    }
    Tensor scores = rows.matmul(turned).mul(config.queryScale());
    double cap = config.softCap();
    return cap == 0 ? scores : scores.div(cap).tanh().mul(cap);
  }

  /** Heads side by side, normed if they are to be, and turned: [B, H, S, d] as products are. */
  private Tensor rotated(Tensor x, long heads, @Nullable RmsNorm norm, RotaryPositions positions) {
    Tensor split = x.reshape(x.size(0), x.size(1), heads, config.headWidth());
    Tensor normed = norm == null ? split : norm.forward(split).to(x.dtype());
    return positions.rotate(normed.transpose(1, 2));
  }
}
