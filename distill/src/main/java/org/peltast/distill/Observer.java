package org.peltast.distill;

/**
 * Looks at a run after each update: it may draw, note figures of its own before they are logged, or
 * ask for an end; it never changes an update.
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
   * @param updates of the whole run
   * @param figures what the update noted, seconds included
   */
  Verdict after(long done, long updates, Figures figures);
}
