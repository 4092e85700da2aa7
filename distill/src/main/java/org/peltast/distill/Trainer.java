package org.peltast.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.runs.TrainingCheckpoint;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.parallel.ProcessGroup;
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
   * Settings of a run: its length, its checkpoints, its seed and its micro-batches.
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
  private final ProcessGroup group;
  private final Rng root;

  /** A run in an open folder; {@code interrupted} is asked between updates. */
  public Trainer(
      Settings settings,
      Method method,
      BatchSource batches,
      RunFolder folder,
      List<Observer> observers,
      BooleanSupplier interrupted) {
    this(settings, method, batches, folder, observers, interrupted, ProcessGroup.alone());
  }

  /**
   * A run by several processes, each computing its share of every batch; collective. Rank 0 alone
   * writes into the folder and asks observers, and decides for all whether to go on.
   */
  public Trainer(
      Settings settings,
      Method method,
      BatchSource batches,
      RunFolder folder,
      List<Observer> observers,
      BooleanSupplier interrupted,
      ProcessGroup group) {
    this.settings = settings;
    this.method = method;
    this.executor = new UpdateExecutor(method, settings.microBatches(), group);
    this.batches = batches;
    this.folder = folder;
    this.observers = List.copyOf(observers);
    this.interrupted = interrupted;
    this.group = group;
    this.root = Rng.of(settings.seed()).fork("updates");
  }

  /**
   * Puts the newest whole checkpoint of the folder into the method's roles and weights.
   *
   * @return the number of updates done, 0 if there is no checkpoint
   */
  public long resume() {
    Optional<TrainingCheckpoint> latest =
        group.isFirst() ? folder.checkpoints().latest() : Optional.empty();
    long done =
        Long.parseLong(
            group.decideText(
                "the checkpoint",
                () -> Long.toString(latest.map(TrainingCheckpoint::update).orElse(0L))));
    if (done > 0) {
      restore(latest.map(TrainingCheckpoint::folder).orElse(null));
    }
    return done;
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
    try (BatchPrefetcher prefetcher = new BatchPrefetcher(batches, executor.items(batches.size()));
        Loop loop = new Loop(prefetcher, done)) {
      return loop.run();
    } catch (RuntimeException e) {
      group.abort(String.valueOf(e.getMessage()));
      throw e;
    }
  }

  /** What rank 0 decides between two updates. */
  private record Decision(boolean stop, boolean save, long updates, Map<String, Double> weights) {
    byte[] written() {
      return JSON.writeValueAsBytes(this);
    }

    static Decision read(byte[] bytes) {
      return JSON.readValue(bytes, Decision.class);
    }
  }

  /** A role's state as a checkpoint has it. */
  private record Saved(Map<String, Tensor> state, Map<String, String> counts) {}

  /** One call of {@link #run}. */
  private final class Loop implements AutoCloseable {
    private final BatchPrefetcher prefetcher;
    private final @Nullable MetricsLog log; // rank 0's
    private final BackgroundWriter writer = new BackgroundWriter("peltast-files");
    private final AtomicLong saved;
    private long savedAt = System.nanoTime();
    private long done;
    private long running;
    private long updates = settings.updates();

    Loop(BatchPrefetcher prefetcher, long done) {
      this.prefetcher = prefetcher;
      this.done = done;
      this.running = done;
      this.saved = new AtomicLong(done);
      this.log = group.isFirst() ? MetricsLog.open(folder.metrics(), done == 0 ? -1 : done) : null;
    }

    End run() {
      try {
        boolean stop = false;
        if (done < updates) {
          stop = follow(decide(this::begin));
        }
        while (done < updates && !stop) {
          running = done + 1;
          Metrics metrics = update();
          done = running;
          gatherAverages();
          Decision decision = decide(() -> after(metrics));
          stop = follow(decision);
          if (decision.save()) {
            save();
          }
        }
        executor.roles().forEach(Role::gatherAverages); // the student, finished or as far as it is
        writer.await();
      } catch (DivergedException e) {
        writer.close(); // a checkpoint may still be on its way, and counts
        throw diverged(e);
      }
      return done >= updates ? End.FINISHED : End.STOPPED;
    }

    private Decision decide(Supplier<Decision> onRank0) {
      return group.size() == 1
          ? onRank0.get()
          : Decision.read(group.decide("the next update", () -> onRank0.get().written()));
    }

    private boolean follow(Decision decision) {
      updates = decision.updates();
      if (!group.isFirst()) {
        method.weights().restore(decision.weights());
      }
      return decision.stop();
    }

    private Decision begin() {
      boolean stop = false;
      List<Metrics> past = past(folder.metrics());
      for (Observer observer : observers) {
        stop |= observer.begin(done, past) == Observer.Verdict.STOP;
      }
      return new Decision(stop, false, asked(), method.weights().adjusted());
    }

    private Metrics update() {
      long begin = System.nanoTime();
      Metrics metrics;
      try (Scope scope = Scope.open();
          BatchPrefetcher.Ready ready = prefetcher.take(done, updates)) {
        metrics =
            executor.update(
                done, updates, batches.size(), ready.batches(), root.fork(done), writer::await);
      }
      writer.await(); // a method whose phases were all idle has not waited
      return metrics.put("seconds", (System.nanoTime() - begin) / 1e9);
    }

    /** The averages are dealt out over the ranks: somebody wants to see them whole. */
    private void gatherAverages() {
      if (group.size() > 1
          && group.decideIf(
              "averages", () -> observers.stream().anyMatch(o -> o.seesAverages(done, updates)))) {
        executor.roles().forEach(Role::gatherAverages);
      }
    }

    private Decision after(Metrics metrics) {
      boolean stop = false;
      for (Observer observer : observers) {
        stop |= observer.after(done, updates, metrics) == Observer.Verdict.STOP;
        observer.background().ifPresent(writer::add);
      }
      long asked = asked();
      long number = done;
      MetricsLog lines = log;
      if (lines != null) {
        writer.add(() -> lines.append(number, metrics.values()));
      }
      stop |= interrupted.getAsBoolean();
      boolean due = System.nanoTime() - savedAt >= settings.checkpointEvery().toNanos();
      return new Decision(stop, due || stop || done == asked, asked, method.weights().adjusted());
    }

    private void save() {
      long number = done;
      Scope kept = Scope.detached();
      Map<Role, Saved> states = new LinkedHashMap<>();
      try (Scope scope = Scope.open()) {
        for (Role role : executor.roles()) {
          Map<String, Tensor> state = role.state();
          state.values().forEach(t -> scope.release(t, kept)); // as far as it was gathered
          states.put(role, new Saved(state, role.counts()));
        }
      }
      MetricsLog lines = log;
      if (lines == null) {
        kept.close();
      } else {
        writer.add(
            () -> {
              try (kept) {
                lines.sync();
                folder
                    .checkpoints()
                    .save(number, settings.keepLast(), into -> Trainer.this.save(into, states));
                saved.set(number);
              }
            });
      }
      savedAt = System.nanoTime();
    }

    /** How many updates the run is to have, as its observers see it. */
    private long asked() {
      long all = settings.updates();
      for (Observer observer : observers) {
        all = observer.updates(done, all);
      }
      return Math.max(done, all);
    }

    private RunException diverged(DivergedException e) {
      return new RunException(
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

    @Override
    public void close() {
      writer.close();
      if (log != null) {
        log.close();
      }
    }
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
  private void save(Path into, Map<Role, Saved> states) throws IOException {
    for (Map.Entry<Role, Saved> saved : states.entrySet()) {
      TensorFiles.write(
          file(into, saved.getKey()), saved.getValue().state(), saved.getValue().counts());
    }
    Map<String, Double> adjusted = method.weights().adjusted();
    if (!adjusted.isEmpty()) {
      Files.write(into.resolve(WEIGHTS), JSON.writeValueAsBytes(adjusted));
    }
  }

  /** Restores from a checkpoint's folder, which rank 0 alone has. */
  private void restore(@Nullable Path from) {
    for (Role role : executor.roles()) {
      try (Scope scope = Scope.open()) {
        if (from == null) {
          role.restore(Map.of(), Map.of());
        } else {
          Path file = file(from, role);
          role.restore(TensorFiles.read(file), TensorFiles.metadata(file));
        }
      }
    }
    if (from != null) {
      method.weights().restore(adjusted(from.resolve(WEIGHTS)));
    }
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
