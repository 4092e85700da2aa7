package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
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
   * @param rope see {@link RotaryAttention#forward}
   * @param mask see {@link RotaryAttention#forward}
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
    return forward(x, time, rope, mask, asked, Map.of());
  }

  /**
   * The same, and what some blocks answer on the way.
   *
   * @param taps by block's number, who is given its answer for all tokens, [B, S, dim] float32
   */
  Tensor forward(
      Tensor x,
      @Nullable Tensor time,
      Tensor rope,
      @Nullable Tensor mask,
      int asked,
      Map<Integer, Consumer<Tensor>> taps) {
    boolean byKernels = fused != null && FusedBlocks.takes(x.size(1));
    int all = (int) x.size(1);
    Tensor y = x;
    int from = 0;
    while (from < blocks.size()) {
      int to = from + 1;
      while (byKernels && to < blocks.size() && !taps.containsKey(to - 1)) {
        to++;
      }
      boolean tapped = taps.containsKey(to - 1);
      int rows = to < blocks.size() || tapped ? all : asked;
      y = apply(from, to, byKernels, y, time, rope, mask, rows);
      if (tapped) {
        Objects.requireNonNull(taps.get(to - 1)).accept(y);
      }
      from = to;
    }
    return y.size(1) == asked ? y : y.narrow(1, 0, asked);
  }

  private Tensor apply(
      int from,
      int to,
      boolean byKernels,
      Tensor x,
      @Nullable Tensor time,
      Tensor rope,
      @Nullable Tensor mask,
      int rows) {
    FusedBlocks kernels = fused;
    if (byKernels && kernels != null) {
      return kernels.forward(from, to, x, time, rope, mask, rows);
    }
    Block block = blocks.get(from);
    return Scope.compute(() -> block.forward(x, time, rope, mask, rows));
  }
}
