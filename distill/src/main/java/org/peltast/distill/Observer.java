package org.peltast.distill;

import java.util.List;
import java.util.Optional;

/**
 * Looks at a run after each update: it may draw, note metrics of its own before they are logged,
 * ask for an end, shorten the run, or adjust a weight ({@link VarianceGuard}); it never reaches
 * into an update.
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
   * @param past their metrics as logged, the oldest first
   */
  default Verdict begin(long done, List<Metrics> past) {
    return Verdict.GO_ON;
  }

  /**
   * After an update.
   *
   * @param done the number of updates done
   * @param updates of the whole run
   * @param metrics what the update noted, seconds included
   */
  Verdict after(long done, long updates, Metrics metrics);

  /**
   * Whether it will look at the averaged weights after this update, which processes that train
   * together then gather.
   *
   * @param done the number of updates done
   * @param updates of the whole run
   */
  default boolean seesAverages(long done, long updates) {
    return false;
  }

  /**
   * What is left to be written of the last update. It is done while the next one is computed, but
   * before a checkpoint of it is written, so that a run which goes on from there lacks nothing.
   *
   * @return nothing by default
   */
  default Optional<Runnable> background() {
    return Optional.empty();
  }

  /**
   * How many updates the run is to have, asked before the first of this process and after each.
   * What depends on a run's length, as learning rates that fall towards its end do, follows from
   * the next update on.
   *
   * @param done the number of updates done
   * @param updates how many it is to have otherwise
   * @return that, or fewer, but not fewer than are done
   */
  default long updates(long done, long updates) {
    return updates;
  }
}
