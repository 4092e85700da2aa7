package org.peltast.diffusion;

/** What a network answers. */
public enum Prediction {
  /**
   * The path's own velocity: {@code x₀ − ε} for rectified flow, {@code a·ε − b·x₀} for a
   * variance-preserving path (Salimans and Ho, 2022).
   */
  VELOCITY,
  /** The noise ε. */
  EPSILON,
  /** The clean image x₀. */
  SAMPLE
}
