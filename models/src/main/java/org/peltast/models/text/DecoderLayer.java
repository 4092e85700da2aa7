package org.peltast.models.text;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;

/**
 * One layer of a {@link Decoder}: grouped-query attention and a gated feed-forward layer, each
 * added to the residual stream.
 *
 * <pre>
 *   x ← x + norm₂(attention(norm₁(x)))
 *   x ← x + norm₄(W_down(σ(W_gate y) ⊙ W_up y)),   y = norm₃(x)
 * </pre>
 *
 * <p>norm₂ and norm₄ are Gemma 2's alone. Norms are computed in float32; the stream is in the dtype
 * of products, as in the reference, whose roundings published networks have learnt to read.
 */
final class DecoderLayer {
  private final DecoderConfig config;
  private final RmsNorm before1;
  private final GroupedQueryAttention attention;
  private final @Nullable RmsNorm after1;
  private final RmsNorm before2;
  private final Linear gate; // [hidden, width]
  private final Linear up; // [hidden, width]
  private final Linear down; // [width, hidden]
  private final @Nullable RmsNorm after2;

  DecoderLayer(Parameters p, DecoderConfig config) {
    this.config = config;
    int width = config.width();
    before1 = norm(p, "input_layernorm");
    attention = new GroupedQueryAttention(p.at("self_attn"), config);
    if (config.isGemma()) {
      after1 = norm(p, "post_attention_layernorm");
      before2 = norm(p, "pre_feedforward_layernorm");
      after2 = norm(p, "post_feedforward_layernorm");
    } else {
      after1 = null;
      before2 = norm(p, "post_attention_layernorm"); // named for what is before it
      after2 = null;
    }
    Parameters mlp = p.at("mlp");
    gate = new Linear(mlp.at("gate_proj"), width, config.hidden(), false);
    up = new Linear(mlp.at("up_proj"), width, config.hidden(), false);
    down = new Linear(mlp.at("down_proj"), config.hidden(), width, false);
  }

  private RmsNorm norm(Parameters p, String name) {
    return new RmsNorm(p.at(name), config.width(), config.normEps());
  }

  /**
   * Applies the layer.
   *
   * @param x [B, S, D] in the product dtype
   * @return [B, S, D] in the product dtype
   */
  Tensor forward(Tensor x, RotaryPositions positions, CausalMask mask) {
    Tensor attended = attention.forward(normed(before1, x), positions, mask);
    Tensor h = x.add(after1 == null ? attended : normed(after1, attended).to(x.dtype()));
    Tensor fed = feedForward(normed(before2, h));
    return h.add(after2 == null ? fed : normed(after2, fed).to(x.dtype()));
  }

  private Tensor feedForward(Tensor x) {
    Tensor gated = gate.forward(x);
    gated = config.isGemma() ? gated.geluTanh() : gated.silu();
    return down.forward(gated.mul(up.forward(x)));
  }

  private Tensor normed(RmsNorm norm, Tensor x) {
    return Decoder.normed(norm, x, config);
  }
}
