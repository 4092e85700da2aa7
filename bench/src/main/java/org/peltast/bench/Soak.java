package org.peltast.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.peltast.report.Formats;
import org.peltast.report.Table;
import org.peltast.runs.Progress;
import org.peltast.tensor.Precision;

/**
 * Thousands of updates of a tiny model, and what the process holds at regular intervals: whatever
 * is lost in each update adds up where everything else is small.
 *
 * @param samples the first after the warm-up, the last at the end
 */
public record Soak(List<Sample> samples) {
  /** The least that the fused kernels take: an update is overhead and little else. */
  private static final UpdateShape TINY = new UpdateShape(2, 32, 1, 2, 16, 16, 2);

  private static final int SAMPLES = 40;

  /** What growth the figures' own scatter explains: pages, arenas, compiled code. */
  private static final long SCATTER = 24L << 20;

  /**
   * What the process held.
   *
   * @param update after which
   * @param resident bytes, or 0 where the system does not say
   * @param heap bytes of live Java objects
   */
  public record Sample(long update, long resident, long heap) {}

  /** Checks that there is something to compare. */
  public Soak {
    samples = List.copyOf(samples);
    if (samples.size() < 2) {
      throw new IllegalArgumentException("a soak needs two samples to compare");
    }
  }

  /**
   * Runs so many updates after a tenth as many for warming up.
   *
   * @param updates at least 20
   */
  public static Soak run(int updates, Precision precision, Progress progress) {
    int warmUp = Math.max(10, updates / 10);
    int every = Math.max(1, updates / SAMPLES);
    List<Sample> samples = new ArrayList<>();
    try (UpdateBenchmark benchmark = new UpdateBenchmark(TINY, precision)) {
      benchmark.run(
          (measured, done) -> {
            if (done >= warmUp && ((done - warmUp) % every == 0 || done == warmUp + updates)) {
              samples.add(new Sample(done - warmUp, ResidentMemory.now().orElse(0), liveHeap()));
            }
            progress.step(done, warmUp + updates, Map.of());
            return done < warmUp + updates;
          });
    }
    return new Soak(samples);
  }

  private static long liveHeap() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /** The first. */
  public Sample first() {
    return samples.get(0);
  }

  /** The last. */
  public Sample last() {
    return samples.get(samples.size() - 1);
  }

  /** Bytes of resident memory gained an update: the line of least squares. */
  public double residentSlope() {
    return slope(samples.stream().mapToDouble(Sample::resident).toArray());
  }

  /** Bytes of live heap gained an update. */
  public double heapSlope() {
    return slope(samples.stream().mapToDouble(Sample::heap).toArray());
  }

  private double slope(double[] values) {
    double n = values.length;
    double meanX = samples.stream().mapToDouble(Sample::update).sum() / n;
    double meanY = 0;
    for (double v : values) {
      meanY += v / n;
    }
    double over = 0;
    double under = 0;
    for (int i = 0; i < values.length; i++) {
      double x = samples.get(i).update() - meanX;
      over += x * (values[i] - meanY);
      under += x * x;
    }
    return over / under;
  }

  /** Whether neither grew by more than figures scatter. */
  public boolean flat() {
    long updates = last().update() - first().update();
    return Math.max(residentSlope(), heapSlope()) * updates < SCATTER;
  }

  /** What the process held, from start to end. */
  public Table table() {
    return new Table(
        List.of("memory", "start", "end", "bytes an update"),
        List.of(
            List.of(
                "resident",
                Formats.bytes(first().resident()),
                Formats.bytes(last().resident()),
                String.format(Locale.ROOT, "%.0f", residentSlope())),
            List.of(
                "Java heap",
                Formats.bytes(first().heap()),
                Formats.bytes(last().heap()),
                String.format(Locale.ROOT, "%.0f", heapSlope()))));
  }
}
