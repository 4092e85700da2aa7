package org.peltast.cli;

import java.io.PrintStream;
import java.nio.charset.Charset;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.PlainProgress;
import org.peltast.runs.Progress;

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
    if (columns > 0) {
      return new Bar(title, to, columns);
    }
    Progress plain = new PlainProgress(title, BETWEEN_LINES, to::println);
    return (done, total, figures) -> plain.step(done, total, glance(figures));
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

  /** A bar; a new one when the total changes, as between preparing and training. */
  private static final class Bar implements Progress {
    private static final int BAR = 20; // columns
    private static final int COUNTS = 40; // " 100% ││ 10000/10000 (0:00:00 / 0:00:00) "
    private final String title;
    private final PrintStream to;
    private final int columns;
    private @Nullable ProgressBar bar;
    private long total = -1;

    Bar(String title, PrintStream to, int columns) {
      this.title = title;
      this.to = to;
      this.columns = columns;
    }

    @Override
    public synchronized void step(long done, long total, Map<String, Double> figures) {
      ProgressBar current = bar;
      if (current == null || total != this.total) {
        close();
        this.total = total;
        current = open(done, total);
        bar = current;
      }
      current.setExtraMessage(message(figures, columns - title.length() - BAR - COUNTS));
      current.stepTo(done);
    }

    /** As many figures as fit beside a bar that can still be read. */
    private static String message(Map<String, Double> figures, int room) {
      StringBuilder message = new StringBuilder();
      for (Map.Entry<String, Double> figure : glance(figures).entrySet()) {
        String next =
            "  " + figure.getKey() + " " + String.format(Locale.ROOT, "%.3g", figure.getValue());
        if (message.length() + next.length() > room) {
          break;
        }
        message.append(next);
      }
      return message.toString();
    }

    private ProgressBar open(long done, long total) {
      return new ProgressBarBuilder()
          .setTaskName(title)
          .setInitialMax(total > 0 ? total : -1)
          .startsFrom(done, Duration.ZERO)
          .setUpdateIntervalMillis(250)
          .setStyle(
              Charset.defaultCharset().name().startsWith("UTF")
                  ? ProgressBarStyle.UNICODE_BLOCK
                  : ProgressBarStyle.ASCII)
          .setConsumer(new Line(to, columns))
          .build();
    }

    @Override
    public synchronized void close() {
      if (bar != null) {
        bar.close();
        bar = null;
      }
    }
  }

  /** Draws a bar over itself; it needs no terminal library to know how. */
  private record Line(PrintStream to, int columns) implements ProgressBarConsumer {
    @Override
    public int getMaxRenderedLength() {
      return columns - 1;
    }

    @Override
    public void accept(String rendered) {
      to.print("\r" + rendered);
      to.flush();
    }

    @Override
    public void close() {
      to.println();
    }
  }
}
