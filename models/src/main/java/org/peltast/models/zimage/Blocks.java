package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.zimage.fused.FusedBlocks;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Blocks one after another: by the plain operators, or, where they apply, by the fused kernels,
 * which compute the same.
 */
final class Blocks {
  private final List<Block> blocks = new ArrayList<>();
  private final @Nullable FusedBlocks fused;

  /** Blocks {@code name.0}, {@code name.1}, …; {@code fusing} by the kernels where it may be. */
  Blocks(
      Parameters p,
      String name,
      int count,
      ZImageConfig config,
      boolean modulated,
      boolean fusing) {
    for (int i = 0; i < count; i++) {
      blocks.add(new Block(p.at(name).at("" + i), config, modulated));
    }
    fused =
        count > 0 && fusing
            ? new FusedBlocks(
                blocks.stream().map(Block::weights).toList(),
                config.dim(),
                config.heads(),
                config.feedForwardDim(),
                config.normEps(),
                ZImageConfig.QK_NORM_EPS,
                p.precision().products())
            : null;
  }

  /**
   * Applies them in order.
   *
   * @param x [B, S, dim] float32
   * @param time [B, modulationDim] float32, for modulated blocks
   * @param rope see {@link Attention#forward}
   * @param mask see {@link Attention#forward}
   * @return [B, S, dim] float32
   */
  Tensor forward(Tensor x, @Nullable Tensor time, Tensor rope, @Nullable Tensor mask) {
    return forward(x, time, rope, mask, (int) x.size(1));
  }

  /**
   * The same where not all tokens' rows are asked for: the last block computes no others.
   *
   * @param asked A, how many tokens, from the first
   * @return [B, A, dim] float32
   */
  Tensor forward(Tensor x, @Nullable Tensor time, Tensor rope, @Nullable Tensor mask, int asked) {
    if (fused != null && FusedBlocks.takes(x.size(1))) {
      return fused.forward(x, time, rope, mask, asked);
    }
    Tensor y = x;
    for (int i = 0; i < blocks.size(); i++) {
      Tensor in = y;
      Block block = blocks.get(i);
      int rows = i < blocks.size() - 1 ? (int) x.size(1) : asked;
      y = Scope.compute(() -> block.forward(in, time, rope, mask, rows));
    }
    return y;
  }
}
