package org.peltast.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.peltast.runs.Checkpoints;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.runs.TrainingCheckpoint;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The training loop around any {@link Method}: batches in, metrics out, observers asked,
 * checkpoints in between, an orderly end.
 *
 * <p>Update u draws from a random stream that is a function of (seed, u), and its batches are a
 * function of u, so a checkpoint holds no position in any stream and a resumed run goes on bit for
 * bit. The next update's batches are made, and log, pictures and checkpoints are written, while an
 * update is computed; it waits only before it changes what is being written.
 */
public final class Trainer {
  /**
   * What may be set.
   *
   * @param updates after which the run is finished, unless an observer shortens it
   * @param checkpointEvery the longest time that a kill may cost
   * @param keepLast checkpoints kept
   * @param seed of everything random
   * @param microBatches in how many parts each thread computes its share of a batch
   */
  public record Settings(
      long updates, Duration checkpointEvery, int keepLast, long seed, int microBatches) {
    /** Checks the ranges. */
    public Settings {
      if (updates < 1 || keepLast < 1 || checkpointEvery.isNegative() || microBatches < 1) {
        throw new IllegalArgumentException(
            "a run needs at least one update, one checkpoint kept and one micro-batch, and a time"
                + " between checkpoints of 0 or more");
      }
    }

    /** The same, with batches computed at once. */
    public Settings(long updates, Duration checkpointEvery, int keepLast, long seed) {
      this(updates, checkpointEvery, keepLast, seed, 1);
    }
  }

  /** How a run ended. */
  public enum End {
    FINISHED,
    /** Interrupted or stopped by an observer; the same command goes on. */
    STOPPED
  }

  private static final JsonMapper JSON = new JsonMapper();
  private static final String WEIGHTS = "method.json";

  private final Settings settings;
  private final Method method;
  private final UpdateExecutor executor;
  private final BatchSource batches;
  private final RunFolder folder;
  private final List<Observer> observers;
  private final BooleanSupplier interrupted;
  private final Rng root;

  /** A run in an open folder; {@code interrupted} is asked between updates. */
  public Trainer(
      Settings settings,
      Method method,
      BatchSource batches,
      RunFolder folder,
      List<Observer> observers,
      BooleanSupplier interrupted) {
    this.settings = settings;
    this.method = method;
    this.executor = new UpdateExecutor(method, settings.microBatches());
    this.batches = batches;
    this.folder = folder;
    this.observers = List.copyOf(observers);
    this.interrupted = interrupted;
    this.root = Rng.of(settings.seed()).fork("updates");
  }

  /**
   * Puts the newest whole checkpoint of the folder into the method's roles and weights.
   *
   * @return the number of updates done, 0 if there is no checkpoint
   */
  public long resume() {
    Optional<TrainingCheckpoint> latest = folder.checkpoints().latest();
    latest.ifPresent(checkpoint -> restore(checkpoint.folder()));
    return latest.map(TrainingCheckpoint::update).orElse(0L);
  }

  /**
   * Runs from {@code done} updates to the end.
   *
   * @throws RunException if a metric is not finite or a guard says that it explodes (the cause is a
   *     {@link DivergedException}), or a file cannot be written; the last good checkpoint is kept
   *     and named
   */
  public End run(long done) {
    Engine.open(); // before threads of its own
    Checkpoints checkpoints = folder.checkpoints();
    AtomicLong saved = new AtomicLong(done);
    long savedAt = System.nanoTime();
    long running = done;
    long updates = settings.updates();
    try (BatchPrefetcher prefetcher = new BatchPrefetcher(batches, executor.draws());
        MetricsLog log = MetricsLog.open(folder.metrics(), done == 0 ? -1 : done);
        BackgroundWriter writer = new BackgroundWriter("peltast-files")) {
      boolean stop = false;
      if (done < updates) {
        List<Metrics> past = past(folder.metrics());
        for (Observer observer : observers) {
          stop |= observer.begin(done, past) == Observer.Verdict.STOP;
        }
        updates = asked(done);
      }
      while (done < updates && !stop) {
        running = done + 1;
        Metrics metrics = update(prefetcher, done, updates, writer);
        done = running;
        for (Observer observer : observers) {
          stop |= observer.after(done, updates, metrics) == Observer.Verdict.STOP;
          observer.background().ifPresent(writer::add);
        }
        updates = asked(done);
        long number = done;
        writer.add(() -> log.append(number, metrics.values()));
        stop |= interrupted.getAsBoolean();
        boolean due = System.nanoTime() - savedAt >= settings.checkpointEvery().toNanos();
        if (due || stop || done == updates) {
          writer.add(
              () -> {
                log.sync();
                checkpoints.save(number, settings.keepLast(), this::save);
                saved.set(number);
              });
          savedAt = System.nanoTime();
        }
      }
      writer.await();
    } catch (DivergedException e) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "update %d stopped because %s; %s, so lower a learning rate or raise the regulariser's weight and start anew from there",
              running,
              e.getMessage(),
              saved.get() == 0
                  ? "there is no checkpoint yet"
                  : "the last good checkpoint is that of update " + saved.get()),
          e);
    }
    return done >= updates ? End.FINISHED : End.STOPPED;
  }

  private Metrics update(
      BatchPrefetcher prefetcher, long update, long updates, BackgroundWriter writer) {
    long begin = System.nanoTime();
    Metrics metrics;
    try (Scope scope = Scope.open();
        BatchPrefetcher.Ready ready = prefetcher.take(update, updates)) {
      metrics = executor.update(update, updates, ready.batches(), root.fork(update), writer::await);
    }
    writer.await(); // a method whose phases were all idle has not waited
    return metrics.put("seconds", (System.nanoTime() - begin) / 1e9);
  }

  /** How many updates the run is to have, as its observers see it. */
  private long asked(long done) {
    long updates = settings.updates();
    for (Observer observer : observers) {
      updates = observer.updates(done, updates);
    }
    return Math.max(done, updates);
  }

  /** What the log, cut back to the checkpoint, has: observers judge as if nothing had happened. */
  private static List<Metrics> past(Path log) {
    List<Metrics> past = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(log)) {
      Metrics metrics = new Metrics();
      line.metrics()
          .forEach(
              (name, value) -> {
                if (value instanceof Number number) {
                  metrics.put(name, number.doubleValue());
                }
              });
      past.add(metrics);
    }
    return past;
  }

  /** Writes everything that the next update depends on, on another thread than the updates'. */
  private void save(Path into) throws IOException {
    for (Role role : executor.roles()) {
      TensorFiles.write(file(into, role), role.state(), role.counts());
    }
    Map<String, Double> adjusted = method.weights().adjusted();
    if (!adjusted.isEmpty()) {
      Files.write(into.resolve(WEIGHTS), JSON.writeValueAsBytes(adjusted));
    }
  }

  private void restore(Path from) {
    for (Role role : executor.roles()) {
      try (Scope scope = Scope.open()) {
        Path file = file(from, role);
        Map<String, Tensor> state = TensorFiles.read(file);
        role.restore(state, TensorFiles.metadata(file));
      }
    }
    method.weights().restore(adjusted(from.resolve(WEIGHTS)));
  }

  /** What observers had adjusted: most often nothing, and then there is no file. */
  private static Map<String, Double> adjusted(Path file) {
    Map<String, Double> weights = new TreeMap<>();
    if (Files.exists(file)) {
      try {
        Map<?, ?> read = JSON.readValue(Files.readAllBytes(file), Map.class);
        read.forEach(
            (name, value) -> {
              if (value instanceof Number number) {
                weights.put(String.valueOf(name), number.doubleValue());
              }
            });
      } catch (JacksonException | IOException e) {
        throw new RunException("cannot read " + file + " (" + e.getMessage() + ")", e);
      }
    }
    return weights;
  }

  private static Path file(Path folder, Role role) {
    return folder.resolve(role.name() + ".safetensors");
  }
}
