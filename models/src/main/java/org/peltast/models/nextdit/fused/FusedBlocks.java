package org.peltast.models.nextdit.fused;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.models.nextdit.RotaryAttention;
import org.peltast.models.nextdit.SandwichBlock;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.WorkerPool;
import org.peltast.tensor.kernels.Fused;
import org.peltast.tensor.nn.Parameters;

/**
 * Blocks one after another, forward and backward, as one function in the graph. Without gradients a
 * batch is dealt to a {@link WorkerPool}, whose threads meet only at the end. What is to be
 * differentiated stays on the caller's thread: whoever trains deals a batch to a worker pool before
 * it comes here, and the weights' gradients are those of the pool's workers.
 */
public final class FusedBlocks {
  private final List<BlockWeights> weights; // of each block
  private final List<FusedBlock> blocks;
  private final List<Modulation> modulations; // of each block
  private final Shape shape; // but for items and tokens

  /**
   * The sizes of blocks of one kind.
   *
   * @param dim width of a token
   * @param heads of queries
   * @param groups heads of keys and values
   * @param hidden the feed-forward's width
   * @param eps of the norms over a row
   */
  public record Sizes(int dim, int heads, int groups, int hidden, double eps) {
    Shape shape(DType products) {
      double headEps = RotaryAttention.NORM_EPS;
      return new Shape(1, 1, 1, dim, heads, groups, hidden, eps, headEps, products, false);
    }
  }

  /**
   * Kernels of blocks of one kind; on the meta device, their outline.
   *
   * @param blocks whose queries and keys are normed, and whose weights are read when they are
   *     applied
   * @param p the network's, whose device and dtype of products {@linkplain #obstacle are taken}
   */
  public static BlockStack.Kernels of(List<SandwichBlock> blocks, Sizes sizes, Parameters p) {
    List<BlockWeights> weights = blocks.stream().map(BlockWeights::of).toList();
    Shape shape = sizes.shape(p.precision().products());
    boolean meta = p.device().kind() == Device.Kind.META;
    return new BlockStack.Kernels(
        Fused.width(),
        meta
            ? new FusedOutline(weights, shape)::forward
            : new FusedBlocks(weights, shape)::forward);
  }

  private FusedBlocks(List<BlockWeights> weights, Shape shape) {
    this.weights = weights;
    this.blocks = weights.stream().map(FusedBlock::new).toList();
    this.modulations = weights.stream().map(w -> new Modulation(w, shape.headDim())).toList();
    this.shape = shape;
  }

  /** Why the kernels cannot compute blocks of those sizes for a network; null if they can. */
  public static @Nullable String obstacle(Sizes sizes, Parameters p) {
    if (p.storage() != DType.FLOAT32) {
      return "the fused kernels read weights that are kept in float32, not in " + p.storage();
    }
    return p.isAdapted()
        ? "the fused kernels know no adapters"
        : obstacle(p.device(), p.precision().products(), sizes.dim(), sizes.dim() / sizes.heads());
  }

  /** Why the kernels cannot compute blocks of such rows here; null if they can. */
  public static @Nullable String obstacle(Device device, DType products, int dim, int headDim) {
    if (MetaMemory.standsFor(device).kind() != Device.Kind.CPU) {
      return "the kernels are for the CPU, the network is on " + device;
    }
    if (products != DType.FLOAT32 && products != DType.BFLOAT16) {
      return "the kernels are for float32 and bfloat16, the network multiplies in " + products;
    }
    String here = Fused.obstacle() != null ? Fused.obstacle() : Matrices.obstacle(products);
    if (here != null) {
      return here;
    }
    if (dim % Fused.width() != 0 || headDim % Fused.width() != 0) {
      return "rows of "
          + dim
          + " and heads of "
          + headDim
          + " are not whole vectors of "
          + Fused.width();
    }
    return null;
  }

  /**
   * Applies consecutive blocks. Gradients are computed by the inputs that ask for them, and by the
   * weights that are trainable now.
   *
   * @param from number of the first block
   * @param to number of the last block, exclusive
   * @param x [B, S, dim] float32, S a multiple of {@link Fused#width}
   * @param time [B, M] float32, for modulated blocks
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] to add to the scores, or null
   * @param asked A, the tokens, from the first, whose rows are asked for
   * @return [B, A, dim] float32
   */
  private Tensor forward(
      int from,
      int to,
      Tensor x,
      @Nullable Tensor time,
      Tensor turns,
      @Nullable Tensor mask,
      int asked) {
    List<WeightGradients> learning =
        weights.subList(from, to).stream().map(WeightGradients::of).toList();
    List<Tensor> inputs = new ArrayList<>();
    inputs.add(x);
    if (time != null) {
      inputs.add(time);
    }
    // One stands for all: with a trainable weight there is a backward pass even where no input
    // asks.
    learning.stream().flatMap(w -> w.any().stream()).limit(1).forEach(w -> inputs.add(w.value()));
    Shape batch =
        shape.of((int) x.size(0), (int) x.size(1), CustomGradient.wanted(inputs)).asking(asked);
    BlockStackFunction function =
        new BlockStackFunction(
            blocks.subList(from, to),
            modulations.subList(from, to),
            learning,
            batch,
            x.requiresGrad(),
            time,
            turns,
            mask);
    try {
      return CustomGradient.record(
          function.forward(x), inputs, function); // closed now, or after its use
    } catch (RuntimeException | Error e) {
      function.close();
      throw e;
    }
  }
}
