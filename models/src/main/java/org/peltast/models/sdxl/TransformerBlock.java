package org.peltast.models.sdxl;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.LayerNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * Self-attention, attention to the text, and a gated feed-forward layer (GEGLU: Shazeer, 2020),
 * each behind a layer norm and added to its input; diffusers' {@code BasicTransformerBlock}.
 */
public final class TransformerBlock {
  private static final double EPS = 1e-5;
  private static final int EXPANSION = 4;

  private final LayerNorm norm1;
  private final CrossAttention self;
  private final LayerNorm norm2;
  private final CrossAttention cross;
  private final LayerNorm norm3;
  private final Linear feedIn; // [2·4·width, width]: what passes, then its gate
  private final Linear feedOut; // [width, 4·width]

  /**
   * A block whose weights are declared under diffusers' names.
   *
   * @param width of the pixels, a multiple of the heads
   * @param contextWidth of the text's tokens
   */
  public TransformerBlock(Parameters p, int width, int contextWidth, int heads) {
    norm1 = new LayerNorm(p.at("norm1"), width, EPS);
    self = new CrossAttention(p.at("attn1"), width, width, heads);
    norm2 = new LayerNorm(p.at("norm2"), width, EPS);
    cross = new CrossAttention(p.at("attn2"), width, contextWidth, heads);
    norm3 = new LayerNorm(p.at("norm3"), width, EPS);
    long inner = (long) EXPANSION * width;
    feedIn = new Linear(p.at("ff").at("net").at("0").at("proj"), width, 2 * inner, true);
    feedOut = new Linear(p.at("ff").at("net").at("2"), inner, width, true);
  }

  /**
   * Applies the block.
   *
   * @param x [B, S, width] float32
   * @param context [B, T, contextWidth]
   * @param mask over the context, to add to the scores; null attends to everything
   * @return [B, S, width] float32
   */
  public Tensor forward(Tensor x, Tensor context, @Nullable Tensor mask) {
    Tensor normed = norm1.forward(x);
    Tensor h = x.add(self.forward(normed, normed, null).to(DType.FLOAT32));
    h = h.add(cross.forward(norm2.forward(h), context, mask).to(DType.FLOAT32));
    List<Tensor> fed = feedIn.forward(norm3.forward(h)).chunk(2, -1);
    return h.add(feedOut.forward(fed.get(0).mul(fed.get(1).gelu())).to(DType.FLOAT32));
  }
}
