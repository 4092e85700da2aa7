package org.peltast.runs;

import java.io.PrintStream;
import java.nio.charset.Charset;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Shows long work as a bar with the time left and live figures, drawn over itself on a terminal. It
 * begins a new one when the total changes, as between preparing and training.
 */
public final class TerminalProgress implements Progress {
  private static final int BAR = 20; // columns
  private static final int COUNTS = 40; // " 100% ││ 10000/10000 (0:00:00 / 0:00:00) "
  private final String title;
  private final PrintStream to;
  private final int columns;
  private @Nullable ProgressBar bar;
  private long total = -1;

  /**
   * Begins with the first step.
   *
   * @param title what is being done, in a word or two
   * @param columns of the terminal
   */
  public TerminalProgress(String title, PrintStream to, int columns) {
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
    for (Map.Entry<String, Double> figure : figures.entrySet()) {
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
