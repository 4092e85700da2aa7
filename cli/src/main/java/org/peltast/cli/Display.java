package org.peltast.cli;

import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.peltast.runs.PlainProgress;
import org.peltast.runs.Progress;
import org.peltast.runs.TerminalProgress;

/**
 * How long work is shown: a bar with the time left and live figures on a terminal, a line now and
 * then anywhere else. Always on standard error, so that standard output is the result alone.
 */
final class Display {
  /** Time between lines where there is no terminal. */
  private static final Duration BETWEEN_LINES = Duration.ofSeconds(15);

  /** Of the dozens of figures of an update, those that tell at a glance how it goes. */
  private static final List<String> AT_A_GLANCE =
      List.of("loss", "ca", "dm", "variance", "teacherVariance", "fakeLoss", "contrast", "family");

  private Display() {}

  /**
   * Shows the progress of one task.
   *
   * @param title what is being done, in a word or two
   */
  static Progress progress(String title) {
    return progress(title, System.err, terminalColumns());
  }

  static Progress progress(String title, PrintStream to, int columns) {
    Progress all =
        columns > 0
            ? new TerminalProgress(title, to, columns)
            : new PlainProgress(title, BETWEEN_LINES, to::println);
    return new Progress() {
      @Override
      public void step(long done, long total, Map<String, Double> figures) {
        all.step(done, total, glance(figures));
      }

      @Override
      public void close() {
        all.close();
      }
    };
  }

  /** Says something beside the work, on a line of its own. */
  static void notice(String sentence) {
    System.err.println(sentence);
  }

  /** The terminal's width; 0 if standard error is none. The launcher knows, Java does not. */
  private static int terminalColumns() {
    return Integer.getInteger("peltast.columns", 0);
  }

  private static Map<String, Double> glance(Map<String, Double> figures) {
    return AT_A_GLANCE.stream()
        .filter(figures::containsKey)
        .collect(
            Collectors.toMap(
                name -> name,
                name -> figures.getOrDefault(name, Double.NaN),
                (a, b) -> a,
                java.util.LinkedHashMap::new));
  }
}
