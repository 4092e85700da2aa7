package org.peltast.demo;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;

/**
 * Shortens a run to the updates that fit a time, in this process and in those before it. How many
 * they are is decided once, when that share of the time is over during which an update does not
 * depend on the run's length: so learning rates fall to their end in any time, and the run is the
 * same as one that was asked for so many updates.
 *
 * <p>It goes by the logged seconds alone, so a run that was killed decides as it had before.
 */
final class TimeLimit implements Observer {
  /** Pace is that of the last updates, as compilers are still at work in the first. */
  private static final int RECENT = 3; // a third of those done

  /** What is left is not filled to the brim: the pace changes by so much. */
  private static final double MARGIN = 0.95;

  /** The share of the time after which it decides at the soonest: a pace must be seen. */
  private static final double SOONEST = 0.1;

  private final double limit; // seconds
  private final double deciding; // seconds after which it decides
  private final List<Double> seconds = new ArrayList<>(); // of each update
  private double spent;
  private long fitting = Long.MAX_VALUE;

  /**
   * A limit.
   *
   * @param plateau the share of a run, from its beginning, whose updates do not depend on how long
   *     the run is
   */
  TimeLimit(Duration limit, double plateau) {
    this.limit = limit.toNanos() / 1e9;
    this.deciding = this.limit * Math.max(plateau, SOONEST);
  }

  @Override
  public Verdict begin(long done, List<Metrics> past) {
    seconds.clear();
    spent = 0;
    fitting = Long.MAX_VALUE;
    past.forEach(this::add);
    return Verdict.GO_ON;
  }

  @Override
  public Verdict after(long done, long updates, Metrics figures) {
    add(figures);
    return Verdict.GO_ON;
  }

  @Override
  public long updates(long done, long updates) {
    return spent >= limit ? done : Math.min(updates, fitting);
  }

  private void add(Metrics figures) {
    double took = figures.values().getOrDefault("seconds", 0.0);
    boolean undecided = spent < deciding;
    seconds.add(took);
    spent += took;
    if (undecided && spent >= deciding) {
      int recent = (seconds.size() + RECENT - 1) / RECENT;
      double pace =
          seconds.subList(seconds.size() - recent, seconds.size()).stream()
              .mapToDouble(Double::doubleValue)
              .average()
              .orElse(took);
      fitting = seconds.size() + (long) (MARGIN * Math.max(0, limit - spent) / pace);
    }
  }
}
