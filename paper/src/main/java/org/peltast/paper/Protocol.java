package org.peltast.paper;

import java.util.List;
import java.util.TreeSet;

/**
 * How runs are measured: when, and on how many pictures. It is part of what a run is known by.
 *
 * @param validation prompts at each moment, on which the best moment is chosen
 * @param test prompts at the start, the best moment and the end, which are reported
 * @param diverse how many of the test prompts are drawn three times, for diversity
 * @param pictured prompts whose pictures are kept at each moment
 */
record Protocol(int validation, int test, int diverse, int pictured) {
  /** Pictures of each of the diverse prompts. */
  static final int SAMPLES = 3;

  /** Of a run's updates; dense where CFG augmentation does its work. */
  private static final List<Double> MOMENTS = List.of(0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0);

  /** As large as the forty minutes of an experiment allow. */
  static Protocol standard() {
    return new Protocol(64, 256, 16, 6);
  }

  /** A share of it, but never too little to measure on. */
  Protocol scaled(double scale) {
    return new Protocol(
        least(4, scale * validation), least(4, scale * test), least(2, scale * diverse), pictured);
  }

  private static int least(int least, double wanted) {
    return (int) Math.max(least, Math.round(wanted));
  }

  /** The updates at which a run of so many is looked at, rising; 0 and the last among them. */
  static List<Long> moments(long updates) {
    TreeSet<Long> all = new TreeSet<>(List.of(0L, updates));
    MOMENTS.forEach(share -> all.add(Math.max(1, Math.round(share * updates))));
    return List.copyOf(all);
  }
}
