package org.peltast.distill;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The weights of a method's terms by name, as set and as observers have adjusted them since. The
 * adjusted ones are part of a checkpoint.
 */
public final class TermWeights {
  /** Beyond it float32 would overflow long before a generator learnt anything. */
  private static final double MOST = 1e6;

  /** Of a method that has no weighted terms. */
  public static final TermWeights NONE = new TermWeights(Map.of());

  private final Map<String, Double> set;
  private final Map<String, Double> now;

  /**
   * Weights by name.
   *
   * @throws IllegalArgumentException if one is negative, not finite or more than a million
   */
  public TermWeights(Map<String, Double> set) {
    set.forEach(
        (name, weight) -> {
          if (!(weight >= 0 && weight <= MOST)) {
            throw new IllegalArgumentException(
                "the weight of " + name + " must be from 0 to 1000000, got " + weight);
          }
        });
    this.set = new LinkedHashMap<>(set);
    this.now = new LinkedHashMap<>(set);
  }

  /** The names. */
  public java.util.Set<String> names() {
    return java.util.Collections.unmodifiableSet(set.keySet());
  }

  /**
   * A weight as the next update takes it.
   *
   * @throws IllegalArgumentException if no term is called that
   */
  public double get(String name) {
    return require(name, now);
  }

  /** A weight as it was set, before anything adjusted it. */
  public double initial(String name) {
    return require(name, set);
  }

  /** Multiplies a weight from the next update on; one of 0 stays 0. */
  public void scale(String name, double factor) {
    double scaled = get(name) * factor;
    if (!(scaled >= 0)) {
      throw new IllegalArgumentException(
          "the weight of " + name + " cannot be multiplied by " + factor);
    }
    now.put(name, Math.min(MOST, scaled));
  }

  private double require(String name, Map<String, Double> weights) {
    Double weight = weights.get(name);
    if (weight == null) {
      throw new IllegalArgumentException(
          "no term is called " + name + "; there are " + set.keySet());
    }
    return weight;
  }

  /** Those that differ from what was set. */
  Map<String, Double> adjusted() {
    Map<String, Double> adjusted = new LinkedHashMap<>(now);
    adjusted.entrySet().removeAll(set.entrySet());
    return adjusted;
  }

  /** Puts back what {@link #adjusted} told; those that are not named are as set. */
  void restore(Map<String, Double> adjusted) {
    now.putAll(set);
    adjusted.forEach(
        (name, weight) -> {
          require(name, set);
          now.put(name, weight);
        });
  }
}
