package org.peltast.distill;

import java.util.LinkedHashMap;
import java.util.Map;

/** The named numbers that one update yields, in the order in which they were noted. */
public final class Figures {
  private final Map<String, Double> values = new LinkedHashMap<>();

  /** Notes a number. */
  public Figures put(String name, double value) {
    values.put(name, value);
    return this;
  }

  /** Adds to a number, which begins at 0: for what is summed over the parts of a batch. */
  public Figures add(String name, double value) {
    values.merge(name, value, Double::sum);
    return this;
  }

  /** Notes all of another's numbers under a prefix and a dot. */
  public Figures putAll(String prefix, Figures other) {
    other.values.forEach((n, v) -> values.put(prefix + "." + n, v));
    return this;
  }

  /** The numbers by name, in order. */
  public Map<String, Double> values() {
    return values;
  }

  /**
   * One number.
   *
   * @throws IllegalArgumentException if it was not noted
   */
  public double get(String name) {
    Double v = values.get(name);
    if (v == null) {
      throw new IllegalArgumentException(
          "no figure is called " + name + "; there are " + values.keySet());
    }
    return v;
  }
}
