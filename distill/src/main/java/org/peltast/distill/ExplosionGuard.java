package org.peltast.distill;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Ends a run whose metrics explode, before a checkpoint of ruins replaces a good one. A figure
 * explodes when the median of its last {@value #RECENT} updates is more than a given factor above
 * its median over the {@value #BEFORE} updates before those: medians, for a single update's loss
 * has a long tail wherever directions are divided by small residuals; and against its own recent
 * past, so that slow growth, which the paper studies, does not end a run.
 */
public final class ExplosionGuard implements Observer {
  private static final int RECENT = 5;
  private static final int BEFORE = 100;
  private static final int ENOUGH = 20; // updates to compare with, before it judges

  private final double factor;
  private final Map<String, Deque<Double>> watched = new LinkedHashMap<>();

  /**
   * Watches.
   *
   * @param factor above 1; 20 lets ordinary training pass
   * @param metrics the names of positive metrics, such as "loss" and "variance"; those that an
   *     update does not note are passed over
   */
  public ExplosionGuard(double factor, List<String> metrics) {
    if (!(factor > 1)) {
      throw new IllegalArgumentException("a guard's factor must be above 1, got " + factor);
    }
    this.factor = factor;
    metrics.forEach(name -> watched.put(name, new ArrayDeque<>()));
  }

  /** The loss, the images' variance and the fake's loss, by that factor. */
  public static ExplosionGuard of(double factor) {
    return new ExplosionGuard(factor, List.of("loss", "variance", "fakeLoss"));
  }

  /** Twenty-fold. */
  public static ExplosionGuard standard() {
    return of(20);
  }

  @Override
  public Verdict begin(long done, List<Metrics> past) {
    past.subList(Math.max(0, past.size() - RECENT - BEFORE), past.size()).forEach(this::remember);
    return Verdict.GO_ON;
  }

  /**
   * Looks at one update.
   *
   * @throws DivergedException if a figure has exploded; the trainer ends the run on it
   */
  @Override
  public Verdict after(long done, long updates, Metrics metrics) {
    remember(metrics);
    watched.forEach(
        (name, past) -> {
          if (metrics.values().containsKey(name)) {
            judge(name, new ArrayList<>(past));
          }
        });
    return Verdict.GO_ON;
  }

  private void remember(Metrics metrics) {
    watched.forEach(
        (name, past) -> {
          Double value = metrics.values().get(name);
          if (value != null) {
            past.addLast(value);
            if (past.size() > RECENT + BEFORE) {
              past.removeFirst();
            }
          }
        });
  }

  private void judge(String name, List<Double> past) {
    int before = past.size() - RECENT;
    if (before < ENOUGH) {
      return;
    }
    double usual = median(past.subList(0, before));
    double now = median(past.subList(before, past.size()));
    if (now > factor * usual) {
      throw new DivergedException(
          name,
          String.format(
              Locale.ROOT,
              "the %s exploded: %.4g, more than %s times the %.4g of the %d updates before",
              name,
              now,
              factor,
              usual,
              before));
    }
  }

  private static double median(List<Double> values) {
    List<Double> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.get(sorted.size() / 2);
  }
}
