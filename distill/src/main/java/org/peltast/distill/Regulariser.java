package org.peltast.distill;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * What keeps the engine from running away, the paper's shield (§3.2): distribution matching, a
 * mean–variance divergence, an adversary, or nothing.
 *
 * <p>In an update it first asks ({@link #begin}), then, once the teacher has been evaluated for all
 * terms together, pushes; afterwards it may learn from the generator's new images.
 */
public interface Regulariser extends AutoCloseable {
  /**
   * What an update shows to its regulariser.
   *
   * @param images the generator's images x̂ [B, C, H, W], in the graph
   * @param detached the same, cut off
   * @param draw the regulariser's own (τ, ε)
   * @param batch the update's batch
   * @param teacherText the captions, read by the teacher
   */
  record View(
      Tensor images, Tensor detached, Renoising.Draw draw, Batch batch, Network.Text teacherText) {}

  /** The pull of one update; nothing unless said. */
  interface Pull {
    /** A direction in x₀ space [B, C, H, W], unweighted and unnormalised, or null. */
    default @Nullable Tensor direction() {
      return null;
    }

    /** The prediction whose distance to x̂ is this term's own normaliser, or null. */
    default @Nullable Tensor anchor() {
      return null;
    }

    /** A loss of rank 0 in the graph of x̂, or null. */
    default @Nullable Tensor loss() {
      return null;
    }
  }

  /** Asks the teacher what it needs. */
  Pull begin(Questions teacher, View view);

  /** The roles that it trains itself, if any: the fake, a discriminator. */
  default List<Role> roles() {
    return List.of();
  }

  /** How many times it learns after each generator update. */
  default int updates() {
    return 0;
  }

  /**
   * Adds the gradients of its own loss on the generator's images.
   *
   * @param images detached [B, C, H, W]
   * @param share of the whole batch that these are: what the loss is multiplied by
   */
  default void learn(Tensor images, Batch batch, double share, Rng rng, Figures figures) {
    throw new IllegalStateException("this regulariser learns nothing");
  }

  /** Takes the optimiser step of the gradients that {@link #learn} gathered. */
  default void step(Method.Progress progress, Figures figures) {
    throw new IllegalStateException("this regulariser learns nothing");
  }

  @Override
  default void close() {}
}
