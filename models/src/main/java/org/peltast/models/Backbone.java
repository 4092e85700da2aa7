package org.peltast.models;

import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Network;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Adapters;

/**
 * The denoising network of a latent diffusion model, a transformer or a UNet: a {@link Network}
 * that also says which latents it takes, what an evaluation costs, and how it is copied and closed.
 * It is all that training, generation and benchmarks know of a network; what is particular to a
 * {@link ModelFamily} stays in the family's package.
 */
public interface Backbone extends Network, AutoCloseable {
  /** The family that made it, and that writes it. */
  ModelFamily family();

  /** C, the channels of the latents, in and out. */
  int channels();

  /** Latents' height and width must be multiples of this: a transformer's patch, else 1. */
  int multiple();

  /** The most rows of latents that it takes. */
  long maxHeight();

  /** The most columns of latents that it takes. */
  long maxWidth();

  /** Rows and columns of the latents that it was trained on; empty if it does not say. */
  default List<Integer> sampleSize() {
    return List.of();
  }

  /** D, the width of the token features that it reads. */
  int captionWidth();

  /**
   * Refuses captions of another width than {@link #captionWidth}.
   *
   * @throws ModelException naming both
   */
  default void requireWidth(Condition captions) {
    if (captions.features().size(2) != captionWidth()) {
      throw new ModelException(
          "the model reads captions of width "
              + captionWidth()
              + ", the text encoder gave "
              + captions.features());
    }
  }

  /**
   * The patch size in use where the weights serve several; 0 if there is no such choice. A model
   * folder remembers it.
   */
  default int patch() {
    return 0;
  }

  /**
   * The most tokens of a caption that it has places for, which may be fewer than its text encoder
   * gives.
   */
  default int maxTokens() {
    return Integer.MAX_VALUE;
  }

  /**
   * A condition of the shape that it reads, all zeros, on its device.
   *
   * @param items B
   * @param tokens of every caption; L is at most {@link #maxTokens}
   */
  default Condition blank(int items, int tokens) {
    int length = Math.min(tokens, maxTokens());
    return new Condition(
        Tensor.zeros(DType.FLOAT32, parameters().device(), items, length, captionWidth()),
        Collections.nCopies(items, length));
  }

  /** What one item of a batch costs at a size of latents and a caption's length. */
  ItemCost cost(int height, int width, int captionTokens);

  /** Why it is computed by the plain operators; null if by fused kernels, which give the same. */
  @Nullable String obstacleToFusion();

  /**
   * A twin of the same shape, device, precision and values, in memory of its own; with adapters,
   * over the same weights of another network.
   */
  Backbone copy();

  /** A network of the same shape and precision, without adapters, on the meta device. */
  Backbone outline();

  /**
   * The same network with low-rank adapters beside its weights, which it shares and does not close:
   * its own parameters are the adapters, zero until they are initialised or loaded, and nothing
   * else. It is computed by the plain operators, with and without adapters: so networks that differ
   * in adapters alone, {@link Adapters#NONE} among them, agree bit for bit where these are zero.
   *
   * @param adapters which layers have one, by the names of diffusers
   */
  Backbone adapted(Adapters adapters);

  /** Frees the weights. */
  @Override
  void close();
}
