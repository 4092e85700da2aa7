package org.peltast.api;

import java.util.Map;

/**
 * An update that has been done.
 *
 * @param number counted from 1
 * @param of how many updates the run has
 * @param metrics what it measured, by name, in the order in which it was measured
 */
public record Update(long number, long of, Map<String, Double> metrics) {
  /**
   * One metric, such as {@code variance} (of the generated latents), {@code loss} or {@code
   * seconds}.
   *
   * @throws IllegalArgumentException naming those there are, if there is none of that name
   */
  public double metric(String name) {
    Double value = metrics.get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "no metric is called " + name + "; there are " + metrics.keySet());
    }
    return value;
  }
}
