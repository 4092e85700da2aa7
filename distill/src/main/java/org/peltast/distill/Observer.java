package org.peltast.distill;

/**
 * Looks at a run after each update: it may note, draw, or ask for an end, never change an update.
 */
@FunctionalInterface
public interface Observer {
  /** What the trainer does next. */
  enum Verdict {
    GO_ON,
    /** Save a checkpoint and end, as if interrupted. */
    STOP
  }

  /**
   * After an update.
   *
   * @param done the number of updates done
   * @param figures what the update noted, seconds included
   */
  Verdict after(long done, long updates, Figures figures);
}
