package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.List;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.models.nextdit.RotaryAttention;
import org.peltast.models.nextdit.SandwichBlock;
import org.peltast.models.nextdit.fused.FusedBlocks;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;
import org.peltast.tensor.nn.SwiGlu;

/** Z-Image's blocks under the names of its checkpoints, by the fused kernels where they may be. */
final class Blocks {
  private Blocks() {}

  /** Blocks {@code name.0}, {@code name.1}, …; {@code fusing} by the kernels where it may be. */
  static BlockStack of(
      Parameters p,
      String name,
      int count,
      ZImageConfig config,
      boolean modulated,
      boolean fusing) {
    List<SandwichBlock> blocks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      blocks.add(block(p.at(name).at("" + i), config, modulated));
    }
    return new BlockStack(
        blocks, p, count > 0 && fusing ? FusedBlocks.of(blocks, sizes(config), p) : null);
  }

  private static SandwichBlock block(Parameters p, ZImageConfig config, boolean modulated) {
    int dim = config.dim();
    RotaryAttention attention =
        new RotaryAttention(
            p.at("attention"),
            new RotaryAttention.Shape(dim, config.heads(), config.heads(), config.qkNorm()));
    SwiGlu feedForward = new SwiGlu(p.at("feed_forward"), dim, config.feedForwardDim());
    RmsNorm attentionNorm1 = new RmsNorm(p.at("attention_norm1"), dim, config.normEps());
    RmsNorm ffnNorm1 = new RmsNorm(p.at("ffn_norm1"), dim, config.normEps());
    RmsNorm attentionNorm2 = new RmsNorm(p.at("attention_norm2"), dim, config.normEps());
    RmsNorm ffnNorm2 = new RmsNorm(p.at("ffn_norm2"), dim, config.normEps());
    Linear modulation =
        modulated
            ? new Linear(
                p.at("adaLN_modulation").at("0"),
                config.modulationDim(),
                4L * dim,
                Parameters.Init.zeros(),
                SandwichBlock.modulationBias())
            : null;
    return new SandwichBlock(
        attention, feedForward, attentionNorm1, attentionNorm2, ffnNorm1, ffnNorm2, modulation);
  }

  /** What the kernels need to know of them. */
  static FusedBlocks.Sizes sizes(ZImageConfig config) {
    return new FusedBlocks.Sizes(
        config.dim(), config.heads(), config.heads(), config.feedForwardDim(), config.normEps());
  }
}
