package org.peltast.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.models.nextdit.RotaryAttention;
import org.peltast.models.nextdit.RotaryPositions;
import org.peltast.models.nextdit.SandwichBlock;
import org.peltast.models.nextdit.fused.FusedBlocks;
import org.peltast.models.sdxl.TransformerBlock;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;
import org.peltast.tensor.nn.SwiGlu;

/** One block of a published model at its full width, with random weights and inputs. */
final class FullWidthBlock implements AutoCloseable {
  /** The blocks that are measured, by the name of their family. */
  enum Kind {
    /** A layer of Z-Image: 3840 wide, 30 heads. */
    Z_IMAGE(3840),
    /** A layer of Lumina-Image 2.0: 2304 wide, 24 heads that share 8 of keys. */
    LUMINA2(2304),
    /** A transformer block of SDXL's middle: 1280 wide, 20 heads, 77 tokens of text. */
    SDXL(1280);

    private final int width;

    Kind(int width) {
      this.width = width;
    }

    /** The block of a family. */
    static Kind of(String id) {
      return Arrays.stream(values()).filter(k -> k.id().equals(id)).findFirst().orElseThrow();
    }

    /** As the peer script and users name it. */
    String id() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /** What is measured. */
  private interface Block {
    Tensor forward(Tensor x);
  }

  private static final double EPS = 1e-5;
  private static final int TEXT = 77; // tokens of SDXL's text
  private static final int TEXT_WIDTH = 2048;

  private final Parameters parameters;
  private final Scope scope = Scope.detached();
  private final Tensor x; // [1, tokens, width]
  private final Tensor cotangent;
  private final Block block;
  private @Nullable String obstacle; // to fusion

  /**
   * Makes a block.
   *
   * @param edge of the square of tokens it is given, edge² in all
   */
  FullWidthBlock(Kind kind, int edge, Precision precision) {
    this.parameters = Parameters.on(Device.CPU, precision);
    int tokens = edge * edge;
    try (Scope s = Scope.open()) {
      Rng rng = Rng.of(1);
      this.block =
          switch (kind) {
            case Z_IMAGE -> sandwich(kind.width, 30, 30, 10_240, 256, List.of(32, 48, 48), edge);
            case LUMINA2 -> sandwich(kind.width, 24, 8, 9216, 1024, List.of(32, 32, 32), edge);
            case SDXL -> spatial(kind.width, 20, rng);
          };
      parameters.initialise(rng.fork("weights"));
      x = scope.keep(rng.fork("x").normal(1, tokens, kind.width));
      cotangent = scope.keep(rng.fork("dy").normal(1, tokens, kind.width));
    }
    parameters.trainable(true);
  }

  private Block sandwich(
      int dim, int heads, int groups, int hidden, int timeDim, List<Integer> axes, int edge) {
    SandwichBlock sandwich =
        new SandwichBlock(
            new RotaryAttention(
                parameters.at("attention"), new RotaryAttention.Shape(dim, heads, groups, true)),
            new SwiGlu(parameters.at("feed_forward"), dim, hidden),
            new RmsNorm(parameters.at("norm1"), dim, EPS),
            new RmsNorm(parameters.at("norm2"), dim, EPS),
            new RmsNorm(parameters.at("norm3"), dim, EPS),
            new RmsNorm(parameters.at("norm4"), dim, EPS),
            new Linear(parameters.at("modulation"), timeDim, 4L * dim, true));
    FusedBlocks.Sizes sizes = new FusedBlocks.Sizes(dim, heads, groups, hidden, EPS);
    obstacle = FusedBlocks.obstacle(sizes, parameters);
    List<SandwichBlock> all = List.of(sandwich);
    BlockStack stack =
        new BlockStack(
            all, parameters, obstacle == null ? FusedBlocks.of(all, sizes, parameters) : null);
    RotaryPositions positions =
        new RotaryPositions(
            new RotaryPositions.Settings(256, axes, List.of(64, 512, 512), true), Device.CPU);
    Tensor rope = scope.keep(positions.image(1, edge, edge, edge * edge).unsqueeze(-2));
    Tensor time = scope.keep(Rng.of(2).normal(1, timeDim));
    return in -> stack.forward(in, time, rope, null);
  }

  private Block spatial(int width, int heads, Rng rng) {
    obstacle = "there are no fused kernels for UNets";
    TransformerBlock transformer = new TransformerBlock(parameters, width, TEXT_WIDTH, heads);
    Tensor context = scope.keep(rng.fork("text").normal(1, TEXT, TEXT_WIDTH));
    return in -> transformer.forward(in, context, null);
  }

  /** Why plain operators compute it; null if the fused kernels do. */
  @Nullable String obstacleToFusion() {
    return obstacle;
  }

  /** The seconds of an evaluation without gradient. */
  double forward() {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      long begin = System.nanoTime();
      block.forward(x);
      return (System.nanoTime() - begin) / 1e9;
    }
  }

  /** The seconds of an evaluation with all gradients, by weights and input. */
  double forwardAndBackward() {
    try (Scope s = Scope.open()) {
      Tensor in = x.mul(1).requireGrad(true);
      long begin = System.nanoTime();
      block.forward(in).backward(cotangent);
      double seconds = (System.nanoTime() - begin) / 1e9;
      parameters.clearGradients();
      return seconds;
    }
  }

  @Override
  public void close() {
    scope.close();
    parameters.close();
  }
}
