package org.peltast.tensor;

/**
 * Is told when a leaf's gradient receives something, on the thread that adds it, while a backward
 * pass runs: see {@link Tensor#watchGradient}. What it throws ends the pass.
 */
public interface GradientWatch {
  /** A contribution is about to be added. */
  void begins();

  /** The contribution is part of the gradient now. */
  void ends();
}
