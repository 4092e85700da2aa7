package org.peltast.models.nextdit;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;
import org.peltast.tensor.nn.SwiGlu;

/**
 * One transformer block with "sandwich" norms, before and after each sub-layer, and, where time
 * matters, a scale before and a tanh gate after:
 *
 * <pre>
 *   x ← x + tanh(g₁) ⊙ norm₂(attention(norm₁(x) ⊙ (1 + s₁)))
 *   x ← x + tanh(g₂) ⊙ norm₄(feedForward(norm₃(x) ⊙ (1 + s₂)))
 * </pre>
 *
 * @param attention self-attention
 * @param feedForward after it
 * @param attentionIn the norm before attention
 * @param attentionOut the norm after it
 * @param feedForwardIn the norm before the feed-forward
 * @param feedForwardOut the norm after it
 * @param modulation from the time's embedding to (s₁, g₁, s₂, g₂), [4·dim]; null where time does
 *     not matter
 */
public record SandwichBlock(
    RotaryAttention attention,
    SwiGlu feedForward,
    RmsNorm attentionIn,
    RmsNorm attentionOut,
    RmsNorm feedForwardIn,
    RmsNorm feedForwardOut,
    @Nullable Linear modulation) {
  /** Where the gates begin in a network trained from nothing: open enough to learn through. */
  private static final double GATE_BIAS = 0.3;

  /** How a modulation's bias begins; its weight begins with zeros. */
  public static Parameters.Init modulationBias() {
    return new Parameters.Init.Parts(List.of(0.0, GATE_BIAS, 0.0, GATE_BIAS));
  }

  /**
   * Applies the block.
   *
   * @param x [B, S, dim] float32
   * @param time [B, M] float32, for modulated blocks
   * @param rope see {@link RotaryAttention#forward}
   * @param mask see {@link RotaryAttention#forward}
   * @param asked A, the tokens, from the first, whose rows are asked for
   * @return [B, A, dim] float32
   */
  public Tensor forward(
      Tensor x, @Nullable Tensor time, Tensor rope, @Nullable Tensor mask, int asked) {
    Scales s = scales(time);
    Tensor attended = attention.forward(attentionIn.normalise(x, s.before1()), rope, mask, asked);
    Tensor h = x.narrow(1, 0, asked).add(attentionOut.normalise(attended, s.after1()));
    Tensor fed = feedForward.forward(feedForwardIn.normalise(h, s.before2()));
    return h.add(feedForwardOut.normalise(fed, s.after2())).to(DType.FLOAT32);
  }

  /**
   * What multiplies a normed stream: [dim], or [B, 1, dim] once modulated. A norm's weight and the
   * factor after it are one small tensor, so each is one pass over the stream.
   */
  private record Scales(Tensor before1, Tensor after1, Tensor before2, Tensor after2) {}

  private Scales scales(@Nullable Tensor time) {
    Tensor before1 = attentionIn.weight().value();
    Tensor after1 = attentionOut.weight().value();
    Tensor before2 = feedForwardIn.weight().value();
    Tensor after2 = feedForwardOut.weight().value();
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
}
