package org.peltast.models.sdxl;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * Transformer blocks over the pixels of a feature map, entered and left by a projection and added
 * to it; diffusers' {@code Transformer2DModel}.
 */
final class SpatialTransformer {
  private static final double EPS = 1e-6;

  private final GroupNorm norm;
  private final @Nullable Linear linearIn;
  private final @Nullable Linear linearOut;
  private final @Nullable Conv2d convIn; // 1 × 1
  private final @Nullable Conv2d convOut; // 1 × 1
  private final List<TransformerBlock> blocks = new ArrayList<>();

  SpatialTransformer(Parameters p, int width, int heads, int depth, UNetConfig config) {
    norm = new GroupNorm(p.at("norm"), config.groups(), width, EPS);
    int inner = width / heads * heads; // as diffusers has it where the heads do not divide it
    boolean linear = config.linearProjection();
    Parameters in = p.at("proj_in");
    Parameters out = p.at("proj_out");
    linearIn = linear ? new Linear(in, width, inner, true) : null;
    convIn = linear ? null : new Conv2d(in, width, inner, 1, 1, 0, true);
    for (int i = 0; i < depth; i++) {
      blocks.add(
          new TransformerBlock(
              p.at("transformer_blocks").at("" + i), inner, config.contextWidth(), heads));
    }
    Parameters.Init zeros = Parameters.Init.zeros();
    linearOut = linear ? new Linear(out, inner, width, zeros, zeros) : null;
    convOut = linear ? null : new Conv2d(out, inner, width, 1, 1, 0, zeros, zeros);
  }

  /**
   * Applies the blocks.
   *
   * @param x [B, width, H, W] float32
   * @param context [B, T, contextWidth] of the text
   * @param mask over the context, see {@link CrossAttention#forward}
   * @return [B, width, H, W] float32
   */
  Tensor forward(Tensor x, Tensor context, @Nullable Tensor mask) {
    long height = x.size(2);
    long width = x.size(3);
    Tensor normed = norm.forward(x);
    Tensor rows =
        (linearIn != null
                ? linearIn.forward(rows(normed))
                : rows(java.util.Objects.requireNonNull(convIn).forward(normed)))
            .to(DType.FLOAT32); // [B, H·W, inner]
    for (TransformerBlock block : blocks) {
      rows = block.forward(rows, context, mask);
    }
    Tensor left =
        linearOut != null
            ? image(linearOut.forward(rows), height, width)
            : java.util.Objects.requireNonNull(convOut).forward(image(rows, height, width));
    return x.add(left.to(DType.FLOAT32));
  }

  /** A map's pixels row by row: [B, H·W, C]. */
  static Tensor rows(Tensor x) {
    return x.permute(0, 2, 3, 1).reshape(x.size(0), x.size(2) * x.size(3), x.size(1));
  }

  private static Tensor image(Tensor rows, long height, long width) {
    return rows.reshape(rows.size(0), height, width, rows.size(2)).permute(0, 3, 1, 2);
  }
}
