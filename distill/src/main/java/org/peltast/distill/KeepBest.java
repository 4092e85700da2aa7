package org.peltast.distill;

import java.util.List;
import java.util.Optional;

/**
 * An observer that keeps the best weights of a run by a validation measure, and ends the run once
 * the measure has not improved for long: longer training of few-step generators does not always
 * make them better.
 *
 * <p>The measure is a metric that another observer notes now and then, before this one looks. All
 * is judged by the log, so a resumed run keeps and ends as an uninterrupted one.
 */
public final class KeepBest implements Observer {
  /** The metric in which the best value so far is noted. */
  public static final String BEST = "best.";

  private final String metric;
  private final boolean lower;
  private final int patience;
  private final Runnable keep;
  private double best = Double.NaN;
  private int since; // looks without an improvement
  private boolean improved;

  /**
   * Watches a metric.
   *
   * @param metric its name; updates that do not note it are passed over
   * @param lower whether low is good
   * @param patience the run ends after so many looks in a row without an improvement; 0 never
   * @param keep saves the weights as they are now; run at once, when a new best has come
   */
  public KeepBest(String metric, boolean lower, int patience, Runnable keep) {
    if (patience < 0) {
      throw new IllegalArgumentException("patience must not be negative, but is " + patience);
    }
    this.metric = metric;
    this.lower = lower;
    this.patience = patience;
    this.keep = keep;
  }

  @Override
  public Verdict begin(long done, List<Metrics> past) {
    best = Double.NaN;
    since = 0;
    past.forEach(this::judge);
    return Verdict.GO_ON;
  }

  @Override
  public Verdict after(long done, long updates, Metrics metrics) {
    if (judge(metrics)) {
      metrics.put(BEST + metric, best);
      if (improved) {
        keep.run();
      }
    }
    return Verdict.GO_ON;
  }

  /** Whether the update noted the metric. */
  private boolean judge(Metrics metrics) {
    Optional<Double> value = Optional.ofNullable(metrics.values().get(metric));
    value.ifPresent(
        v -> {
          improved = Double.isFinite(v) && !(lower ? v >= best : v <= best);
          best = improved ? v : best;
          since = improved ? 0 : since + 1;
        });
    return value.isPresent();
  }

  /** The best value so far; NaN if there is none. */
  public double best() {
    return best;
  }

  /** No more than are done, once patience is at an end. */
  @Override
  public long updates(long done, long updates) {
    return patience > 0 && since >= patience ? done : updates;
  }
}
