package org.peltast.bench;

/** What an update's time is spent on. */
public enum Phase {
  /** The generator without gradient: to the step that is trained, and the fake's pictures. */
  ROLLOUTS,
  /** The generator's prediction with gradient, the draws, the loss, the way back. */
  GENERATOR,
  /** The frozen teacher. */
  TEACHER,
  /** The fake's score, and its learning: forwards, losses, ways back. */
  FAKE,
  /** Clipping, AdamW and the moving averages. */
  OPTIMISER
}
