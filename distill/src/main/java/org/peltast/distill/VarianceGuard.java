package org.peltast.distill;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/**
 * A watch that strengthens a term while the generator's images outgrow a reference: when, averaged
 * over so many updates, their variance or their saturation exceeds that of real data (or of the
 * teacher's samples) by a factor, the term's weight is raised by a tenth, up to a cap; once both
 * are below a smaller factor again, it is lowered by as much, down to what was set. It looks again
 * when as many further updates have shown what that did.
 */
public final class VarianceGuard implements Observer {
  /**
   * Settings of the guard: when a weight is raised, when it is lowered again, and how far.
   *
   * @param factor of the reference above which the weight is raised, above 1
   * @param release of the reference below which it is lowered again, at most {@code factor}
   * @param every so many updates it looks, at least 1
   * @param cap what the weight is multiplied by at the most, above 1
   */
  public record Settings(double factor, double release, int every, double cap) {
    /** Checks the ranges. */
    public Settings {
      if (!(factor > 1) || !(release > 0 && release <= factor) || every < 1 || !(cap > 1)) {
        throw new IllegalArgumentException(
            "a variance guard needs a factor and a cap above 1, a release from above 0 to the"
                + " factor, and at least 1 update between looks");
      }
    }

    /** A release halfway between the reference and the factor, and a cap of four. */
    public static Settings of(double factor, int every) {
      return new Settings(factor, 1 + (factor - 1) / 2, every, 4);
    }
  }

  private static final double RAISE = 1.1;

  private final Settings settings;
  private final Map<String, Double> reference;
  private final TermWeights weights;
  private final String term;
  private final Deque<Metrics> recent = new ArrayDeque<>();

  /**
   * Watches.
   *
   * @param reference the metrics to watch ("variance", "saturation") with their reference values
   * @param weights of the method
   * @param term whose weight is adjusted
   * @throws IllegalArgumentException if the method has no such term, or it is switched off
   */
  public VarianceGuard(
      Settings settings, Map<String, Double> reference, TermWeights weights, String term) {
    if (weights.get(term) == 0) {
      throw new IllegalArgumentException(
          "the variance guard cannot raise the weight of " + term + ", which is 0");
    }
    this.settings = settings;
    this.reference = Map.copyOf(reference);
    this.weights = weights;
    this.term = term;
  }

  @Override
  public Verdict begin(long done, List<Metrics> past) {
    past.subList((int) Math.max(0, past.size() - done % settings.every()), past.size())
        .forEach(recent::addLast);
    return Verdict.GO_ON;
  }

  /** Notes the weight that the update was made with, then looks. */
  @Override
  public Verdict after(long done, long updates, Metrics metrics) {
    metrics.put("weight." + term, weights.get(term));
    recent.addLast(metrics);
    if (done % settings.every() == 0) {
      if (outgrown(settings.factor())) {
        double most = settings.cap() * weights.initial(term);
        weights.scale(term, Math.min(RAISE, most / weights.get(term)));
      } else if (!outgrown(settings.release())) {
        double least = weights.initial(term);
        weights.scale(term, Math.max(1 / RAISE, least / weights.get(term)));
      }
      recent.clear();
    }
    return Verdict.GO_ON;
  }

  private boolean outgrown(double factor) {
    return reference.entrySet().stream()
        .anyMatch(watched -> mean(watched.getKey()) > factor * watched.getValue());
  }

  /** NaN, which is above nothing, if it was not noted. */
  private double mean(String name) {
    return recent.stream()
        .mapToDouble(metrics -> metrics.values().getOrDefault(name, Double.NaN))
        .average()
        .orElse(Double.NaN);
  }
}
