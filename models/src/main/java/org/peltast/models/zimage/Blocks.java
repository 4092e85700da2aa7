package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.zimage.fused.Factors;
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
                modulated)
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
    if (fused != null && FusedBlocks.takes(x.size(1))) {
      List<Factors> factors = blocks.stream().map(b -> b.factors(time)).toList();
      return fused.forward(x, factors, rope, mask);
    }
    Tensor y = x;
    for (Block block : blocks) {
      Tensor in = y;
      y = Scope.compute(() -> block.forward(in, time, rope, mask));
    }
    return y;
  }
}
