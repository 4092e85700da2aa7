package org.peltast.runs;

import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Progress as plain lines, for logs and pipes: the first step, then at most one line an interval,
 * and the last step. {@code distil 120/400 (30 %), 0.52 s each, 2m26s left, loss 0.1234}
 */
public final class PlainProgress implements Progress {
  private final String title;
  private final Consumer<String> lines;
  private final long intervalNanos;
  private final LongSupplier nanoTime;
  private boolean started;
  private long startNanos;
  private long startDone;
  private long shownNanos;
  private long shownDone = -1;

  /**
   * Lines to a sink.
   *
   * @param title what is being done, in a word
   * @param interval least time between lines
   * @param lines where they go, as in {@code System.err::println}
   */
  public PlainProgress(String title, Duration interval, Consumer<String> lines) {
    this(title, interval, lines, System::nanoTime);
  }

  PlainProgress(String title, Duration interval, Consumer<String> lines, LongSupplier nanoTime) {
    this.title = title;
    this.lines = lines;
    this.intervalNanos = interval.toNanos();
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized void step(long done, long total, Map<String, Double> figures) {
    long now = nanoTime.getAsLong();
    if (!started) {
      started = true;
      startNanos = now;
      startDone = done; // a resumed run does not start at 0
    } else if (done == shownDone || (now - shownNanos < intervalNanos && done != total)) {
      return;
    }
    shownNanos = now;
    shownDone = done;
    lines.accept(line(done, total, now, figures));
  }

  private String line(long done, long total, long now, Map<String, Double> figures) {
    StringBuilder line = new StringBuilder(title).append(' ').append(done);
    if (total > 0) {
      line.append('/').append(total).append(" (").append(100 * done / total).append(" %)");
    }
    if (done > startDone) {
      double seconds = (now - startNanos) * 1e-9 / (done - startDone);
      line.append(", ").append(figure(seconds)).append(" s each");
      if (total > done) {
        line.append(", ").append(left(seconds * (total - done))).append(" left");
      }
    }
    figures.forEach(
        (name, value) -> line.append(", ").append(name).append(' ').append(figure(value)));
    return line.toString();
  }

  /** An expected time, in the two largest units. */
  static String left(double seconds) {
    long s = Math.round(seconds);
    return s >= 3600
        ? String.format(Locale.ROOT, "%dh%02dm", s / 3600, s % 3600 / 60)
        : s >= 60 ? String.format(Locale.ROOT, "%dm%02ds", s / 60, s % 60) : s + "s";
  }

  /** Four significant digits. */
  static String figure(double value) {
    double size = Math.abs(value);
    if (value == 0 || !Double.isFinite(value)) {
      return value == 0 ? "0" : Double.toString(value);
    }
    return String.format(
        Locale.ROOT,
        size >= 1e6 || size < 1e-3 ? "%.3e" : size >= 100 ? "%.1f" : size >= 1 ? "%.3f" : "%.4f",
        value);
  }
}
