package org.peltast.models.zimage;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.zimage.fused.BlockWeights;
import org.peltast.tensor.DType;
import org.peltast.tensor.Linear;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.RmsNorm;
import org.peltast.tensor.SwiGlu;
import org.peltast.tensor.Tensor;

/**
 * One transformer block with "sandwich" norms, before and after each sub-layer, and, where time
 * matters, a scale before and a tanh gate after:
 *
 * <pre>
 *   x ← x + tanh(g₁) ⊙ norm₂(attention(norm₁(x) ⊙ (1 + s₁)))
 *   x ← x + tanh(g₂) ⊙ norm₄(feedForward(norm₃(x) ⊙ (1 + s₂)))
 * </pre>
 */
final class Block {
  /** Where the gates begin in a network trained from nothing: open enough to learn through. */
  private static final double GATE_BIAS = 0.3;

  private final RotaryAttention attention;
  private final SwiGlu feedForward;
  private final RmsNorm attentionNorm1;
  private final RmsNorm attentionNorm2;
  private final RmsNorm ffnNorm1;
  private final RmsNorm ffnNorm2;
  private final @Nullable Linear modulation; // [4·dim, modulationDim]

  Block(Parameters p, ZImageConfig config, boolean modulated) {
    int dim = config.dim();
    attention = new RotaryAttention(p.at("attention"), config);
    feedForward = new SwiGlu(p.at("feed_forward"), dim, config.feedForwardDim());
    attentionNorm1 = new RmsNorm(p.at("attention_norm1"), dim, config.normEps());
    ffnNorm1 = new RmsNorm(p.at("ffn_norm1"), dim, config.normEps());
    attentionNorm2 = new RmsNorm(p.at("attention_norm2"), dim, config.normEps());
    ffnNorm2 = new RmsNorm(p.at("ffn_norm2"), dim, config.normEps());
    modulation =
        modulated
            ? new Linear(
                p.at("adaLN_modulation").at("0"),
                config.modulationDim(),
                4L * dim,
                Parameters.Init.zeros(),
                new Parameters.Init.Parts(List.of(0.0, GATE_BIAS, 0.0, GATE_BIAS)))
            : null;
  }

  /**
   * Applies the block.
   *
   * @param x [B, S, dim] float32
   * @param time [B, modulationDim] float32, for modulated blocks
   * @param rope see {@link RotaryAttention#forward}
   * @param mask see {@link RotaryAttention#forward}
   * @param asked A, the tokens, from the first, whose rows are asked for
   * @return [B, A, dim] float32
   */
  Tensor forward(Tensor x, @Nullable Tensor time, Tensor rope, @Nullable Tensor mask, int asked) {
    Scales s = scales(time);
    Tensor attended =
        attention.forward(attentionNorm1.normalise(x, s.before1()), rope, mask, asked);
    Tensor h = x.narrow(1, 0, asked).add(attentionNorm2.normalise(attended, s.after1()));
    Tensor fed = feedForward.forward(ffnNorm1.normalise(h, s.before2()));
    return h.add(ffnNorm2.normalise(fed, s.after2())).to(DType.FLOAT32);
  }

  /**
   * What multiplies a normed stream: [dim], or [B, 1, dim] once modulated. A norm's weight and the
   * factor after it are one small tensor, so each is one pass over the stream.
   */
  private record Scales(Tensor before1, Tensor after1, Tensor before2, Tensor after2) {}

  private Scales scales(@Nullable Tensor time) {
    Tensor before1 = attentionNorm1.weight().value();
    Tensor after1 = attentionNorm2.weight().value();
    Tensor before2 = ffnNorm1.weight().value();
    Tensor after2 = ffnNorm2.weight().value();
    if (modulation == null) {
      return new Scales(before1, after1, before2, after2);
    }
    if (time == null) {
      throw new IllegalArgumentException("a modulated block needs the time's embedding");
    }
    List<Tensor> m = modulation.forwardFloat32(time).unsqueeze(1).chunk(4, -1); // [B, 1, dim] each
    return new Scales(
        before1.mul(m.get(0).add(1)),
        after1.mul(m.get(1).tanh()),
        before2.mul(m.get(2).add(1)),
        after2.mul(m.get(3).tanh()));
  }

  /** The weights as the fused block takes them. */
  BlockWeights weights() {
    return new BlockWeights(
        attention.toQ(),
        attention.toK(),
        attention.toV(),
        attention.toOut(),
        feedForward.w1(),
        feedForward.w2(),
        feedForward.w3(),
        attentionNorm1.weight(),
        attentionNorm2.weight(),
        ffnNorm1.weight(),
        ffnNorm2.weight(),
        attention.normQ(),
        attention.normK(),
        modulation);
  }
}
