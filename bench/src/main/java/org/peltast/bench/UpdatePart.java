package org.peltast.bench;

import org.peltast.distill.Phase;

/** A part of an update's time, as benchmarks report it. */
public enum UpdatePart {
  /** The generator without gradient: to the step that is trained, and the fake's images. */
  ROLLOUTS,
  /** The generator's prediction with gradient, the draws, the loss, the backward pass. */
  GENERATOR,
  /** The frozen teacher. */
  TEACHER,
  /** The fake's score, and its learning: forward passes, losses, backward passes. */
  FAKE,
  /** Clipping, AdamW and the moving averages. */
  OPTIMISER;

  /**
   * The part that all of a phase's time belongs to which no evaluation has for its own.
   *
   * @throws IllegalArgumentException if no part is that phase's
   */
  static UpdatePart of(Phase phase) {
    return switch (phase.name()) {
      case "generator" -> GENERATOR;
      case "fake" -> FAKE;
      default ->
          throw new IllegalArgumentException("no part of a profile is the phase " + phase.name());
    };
  }
}
