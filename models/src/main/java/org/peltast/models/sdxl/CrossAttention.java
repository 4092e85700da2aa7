package org.peltast.models.sdxl;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Attention;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/** Multi-head attention of a picture's pixels to each other, or to the text's tokens. */
final class CrossAttention {
  private final Linear toQ;
  private final Linear toK;
  private final Linear toV;
  private final Linear toOut;
  private final int heads;

  /**
   * Declares {@code to_q}, {@code to_k}, {@code to_v} without and {@code to_out.0} with bias.
   *
   * @param width of the pixels, a multiple of the heads
   * @param contextWidth of what is attended to
   */
  CrossAttention(Parameters p, int width, int contextWidth, int heads) {
    this.heads = heads;
    toQ = new Linear(p.at("to_q"), width, width, false);
    toK = new Linear(p.at("to_k"), contextWidth, width, false);
    toV = new Linear(p.at("to_v"), contextWidth, width, false);
    toOut = new Linear(p.at("to_out").at("0"), width, width, true);
  }

  /**
   * Attends.
   *
   * @param x [B, S, width]
   * @param context [B, T, contextWidth]
   * @param mask see {@link Attention#of}; null attends to everything
   * @return [B, S, width] in the product dtype
   */
  Tensor forward(Tensor x, Tensor context, @Nullable Tensor mask) {
    Tensor attended =
        Attention.of(
            split(toQ.forward(x)),
            split(toK.forward(context)),
            split(toV.forward(context)),
            mask); // [B, heads, S, D]
    return toOut.forward(attended.transpose(1, 2).reshape(x.size(0), x.size(1), x.size(2)));
  }

  private Tensor split(Tensor rows) {
    return rows.reshape(rows.size(0), rows.size(1), heads, rows.size(2) / heads).transpose(1, 2);
  }
}
