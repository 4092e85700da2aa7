package org.peltast.models.zimage.fused;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.WorkerPool;
import org.peltast.tensor.kernels.Fused;

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
   * Blocks of one kind.
   *
   * @param weights of each block, live
   * @param hidden the feed-forward's width
   * @param eps of the norms over a row
   * @param headEps of the norms of queries and keys
   * @param products in which dtype matrices are multiplied, float32 or bfloat16
   */
  public FusedBlocks(
      List<BlockWeights> weights,
      int dim,
      int heads,
      int hidden,
      double eps,
      double headEps,
      DType products) {
    this.weights = List.copyOf(weights);
    this.blocks = weights.stream().map(FusedBlock::new).toList();
    this.modulations = weights.stream().map(w -> new Modulation(w, dim / heads)).toList();
    this.shape = new Shape(1, 1, 1, dim, heads, hidden, eps, headEps, products, false);
  }

  /** Why the kernels cannot compute such blocks here; null if they can. */
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

  /** Whether sequences of that length are whole vectors, which attention's weights must be. */
  public static boolean takes(long tokens) {
    return tokens % Fused.width() == 0;
  }

  /**
   * Applies consecutive blocks. Gradients are computed by the inputs that ask for them, and by the
   * weights that are trainable now.
   *
   * @param from number of the first block
   * @param to number of the last block, exclusive
   * @param x [B, S, dim] float32
   * @param time [B, M] float32, for modulated blocks
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] to add to the scores, or null
   * @param asked A, the tokens, from the first, whose rows are asked for
   * @return [B, A, dim] float32
   */
  public Tensor forward(
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
