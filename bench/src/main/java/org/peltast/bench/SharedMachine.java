package org.peltast.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.peltast.runs.Progress;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;

/**
 * What an update costs beside busy processes of the same priority. Rounds alone and rounds shared
 * take turns, so that what else the machine does is in both.
 *
 * @param busy processes beside it, each wanting one core
 * @param cores of the machine
 * @param threads of an operation
 * @param alone median seconds of an update
 * @param shared the same beside the busy processes
 */
public record SharedMachine(int busy, int cores, int threads, double alone, double shared) {
  /** Measures, an update alone and a shared one in turns. */
  public static SharedMachine measure(
      UpdateShape shape,
      Precision precision,
      WarmUp warmUp,
      int rounds,
      int busy,
      Progress progress) {
    List<Double> alone = new ArrayList<>();
    List<Double> shared = new ArrayList<>();
    List<Process> others = new ArrayList<>();
    try (UpdateBenchmark benchmark = new UpdateBenchmark(shape, precision)) {
      WarmUp.Watch warming = warmUp.begin();
      benchmark.run(
          (measured, done) -> {
            if (warming.isOver()) {
              (others.isEmpty() ? alone : shared).add(measured.seconds());
            } else {
              warming.after(done);
            }
            boolean shareNext = alone.size() > shared.size();
            end(others);
            for (int i = 0; shareNext && i < busy; i++) {
              others.add(start());
            }
            int counted = alone.size() + shared.size();
            progress.step(counted, 2L * rounds, Map.of("seconds", measured.seconds()));
            return counted < 2 * rounds;
          });
    } finally {
      end(others);
    }
    return new SharedMachine(
        busy,
        Runtime.getRuntime().availableProcessors(),
        Engine.threads(),
        UpdateSummary.median(alone.stream().mapToDouble(s -> s).toArray()),
        UpdateSummary.median(shared.stream().mapToDouble(s -> s).toArray()));
  }

  /** Everything by name, for JSON. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("processes", busy);
    map.put("cores", cores);
    map.put("threads", threads);
    map.put("aloneSeconds", alone);
    map.put("sharedSeconds", shared);
    map.put("slowdown", slowdown());
    map.put("fairSlowdown", fairSlowdown());
    return map;
  }

  /** How much slower it is. */
  public double slowdown() {
    return shared / alone;
  }

  /** How much slower it would be if every thread got its share of the cores. */
  public double fairSlowdown() {
    double own = Math.min(cores, threads);
    return own / Math.min(own, cores * own / (own + busy));
  }

  private static Process start() {
    String program =
        ProcessHandle.current()
            .info()
            .command()
            .orElse(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    try {
      Process process =
          new ProcessBuilder(
                  program,
                  "-Xmx32m",
                  "-XX:+UseSerialGC",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Busy.class.getName())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      if (process.getInputStream().read() < 0) {
        throw new BenchException("a busy process beside this one could not be started.");
      }
      return process;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void end(List<Process> processes) {
    for (Process process : processes) {
      process.destroyForcibly();
      try {
        process.waitFor();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    processes.clear();
  }

  /** What was found, in words. */
  public String sentence() {
    return String.format(
        Locale.ROOT,
        "alone %.3f s, beside %d busy processes %.3f s: %.2f times as long; %d threads on %d cores in fair shares would take %.2f times as long",
        alone,
        busy,
        shared,
        slowdown(),
        threads,
        cores,
        fairSlowdown());
  }
}
