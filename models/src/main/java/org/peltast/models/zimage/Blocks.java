package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.List;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.models.nextdit.RotaryAttention;
import org.peltast.models.nextdit.SandwichBlock;
import org.peltast.models.zimage.fused.BlockWeights;
import org.peltast.models.zimage.fused.FusedBlocks;
import org.peltast.models.zimage.fused.FusedOutline;
import org.peltast.tensor.Device;
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
    return new BlockStack(blocks, count > 0 && fusing ? kernels(blocks, config, p) : null);
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

  private static BlockStack.Kernels kernels(
      List<SandwichBlock> blocks, ZImageConfig config, Parameters p) {
    List<BlockWeights> weights = blocks.stream().map(Blocks::weights).toList();
    return new BlockStack.Kernels(
        FusedBlocks::takes,
        p.device().kind() == Device.Kind.META
            ? outline(weights, config, p)
            : fused(weights, config, p));
  }

  private static BlockStack.Run fused(
      List<BlockWeights> weights, ZImageConfig config, Parameters p) {
    return new FusedBlocks(
            weights,
            config.dim(),
            config.heads(),
            config.feedForwardDim(),
            config.normEps(),
            RotaryAttention.NORM_EPS,
            p.precision().products())
        ::forward;
  }

  private static BlockStack.Run outline(
      List<BlockWeights> weights, ZImageConfig config, Parameters p) {
    FusedOutline outline =
        new FusedOutline(
            weights,
            config.dim(),
            config.heads(),
            config.feedForwardDim(),
            p.precision().products());
    return (from, to, x, time, rope, mask, asked) -> outline.forward(from, to, x, time, asked);
  }

  private static BlockWeights weights(SandwichBlock block) {
    return new BlockWeights(
        block.attention().toQ(),
        block.attention().toK(),
        block.attention().toV(),
        block.attention().toOut(),
        block.feedForward().w1(),
        block.feedForward().w2(),
        block.feedForward().w3(),
        block.attentionIn().weight(),
        block.attentionOut().weight(),
        block.feedForwardIn().weight(),
        block.feedForwardOut().weight(),
        block.attention().normQ(),
        block.attention().normK(),
        block.modulation());
  }
}
