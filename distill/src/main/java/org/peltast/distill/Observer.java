package org.peltast.distill;

import java.util.List;

/**
 * Looks at a run after each update: it may draw, note figures of its own before they are logged, or
 * ask for an end, or adjust a weight ({@link VarianceGuard}); it never reaches into an update.
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
   * Before the first update of this process. Whoever judges by what went before is given it, so
   * that a resumed run is judged like an uninterrupted one, and may find that it had ended.
   *
   * @param done the number of updates done, in this process or in earlier ones
   * @param past their figures as logged, the oldest first
   */
  default Verdict begin(long done, List<Figures> past) {
    return Verdict.GO_ON;
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
