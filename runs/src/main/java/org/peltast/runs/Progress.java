package org.peltast.runs;

import java.util.Map;

/**
 * Shows how far long work is. Whoever works calls {@link #step} as often as it likes; whoever shows
 * decides how often to draw. {@link PlainProgress} prints lines, {@link TerminalProgress} draws a
 * bar.
 */
@FunctionalInterface
public interface Progress extends AutoCloseable {
  /** Shows nothing. */
  Progress NONE = (done, total, figures) -> {};

  /**
   * So far.
   *
   * @param done steps done, from 0
   * @param total all steps; 0 if unknown
   * @param figures live figures by name, in the order to show them; may be empty
   */
  void step(long done, long total, Map<String, Double> figures);

  /** Ends the display. */
  @Override
  default void close() {}
}
