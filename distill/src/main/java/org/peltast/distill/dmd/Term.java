package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.peltast.tensor.Tensor;

/**
 * One term of a generator's update: a direction in x₀ space, as CFG augmentation and distribution
 * matching are, or a loss on the generator's images, as the mean–variance divergence and an
 * adversary are.
 *
 * <p>A term first asks the frozen networks through the {@link View}, whose requests are evaluated
 * in one batch for all terms, and then contributes. It has no weight of its own: that is a {@link
 * WeightedTerm}.
 */
public interface Term {
  /** The name in recipes and logs, such as "ca". */
  String name();

  /** What a term adds to the generator's loss. */
  sealed interface Contribution {
    /**
     * A push: the generator's images are to move along it.
     *
     * @param value [B, C, H, W], unweighted and unnormalised
     */
    record Direction(Tensor value) implements Contribution {}

    /**
     * A loss to descend on.
     *
     * @param value of rank 0, in the graph of the generator's images
     */
    record Loss(Tensor value) implements Contribution {}
  }

  /** Which of the two draws of a {@link Renoising} is a term's own. */
  enum Place {
    /** (τ_CA, ε_CA). */
    ENGINE,
    /** (τ_DM, ε_DM). */
    REGULARISER
  }

  /** Which draw it noises the generator's images by. */
  default Place place() {
    return Place.REGULARISER;
  }

  /** Whether it gives a {@link Contribution.Direction}, which a {@link Normaliser} can divide. */
  boolean isDirection();

  /**
   * Asks what it needs to know.
   *
   * @return its contribution, to be called once the view's requests have been evaluated
   */
  Supplier<Contribution> ask(View view);
}
