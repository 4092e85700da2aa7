package org.peltast.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.peltast.distill.run.Checkpoint;
import org.peltast.distill.run.Checkpoints;
import org.peltast.distill.run.MetricsLog;
import org.peltast.distill.run.RunException;
import org.peltast.distill.run.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/**
 * The loop around any {@link Method}: batches in, figures out, checkpoints in between. Update u
 * draws from a random stream that is a function of (seed, u), and its batch is a function of u, so
 * a checkpoint holds no position in any stream and a resumed run goes on bit for bit.
 */
public final class Trainer {
  /**
   * What may be set.
   *
   * @param updates after which the run is finished
   * @param checkpointEvery the longest time that a kill may cost
   * @param keepLast checkpoints kept
   * @param seed of everything random
   */
  public record Settings(long updates, Duration checkpointEvery, int keepLast, long seed) {
    /** Checks the ranges. */
    public Settings {
      if (updates < 1 || keepLast < 1 || checkpointEvery.isNegative()) {
        throw new IllegalArgumentException(
            "a run needs at least one update, at least one checkpoint kept, and a time between checkpoints of 0 or more");
      }
    }
  }

  /** How a run ended. */
  public enum End {
    FINISHED,
    /** Interrupted or stopped by an observer; the same command goes on. */
    STOPPED
  }

  private final Settings settings;
  private final Method method;
  private final BatchSource batches;
  private final RunFolder folder;
  private final List<Observer> observers;
  private final BooleanSupplier interrupted;

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
    this.batches = batches;
    this.folder = folder;
    this.observers = List.copyOf(observers);
    this.interrupted = interrupted;
  }

  /**
   * Puts the newest whole checkpoint of the folder into the method's roles.
   *
   * @return the number of updates done, 0 if there is no checkpoint
   */
  public long resume() {
    Optional<Checkpoint> latest = folder.checkpoints().latest();
    latest.ifPresent(this::restore);
    return latest.map(Checkpoint::update).orElse(0L);
  }

  /**
   * Runs from {@code done} updates to the end.
   *
   * @throws RunException if a loss diverges or a file cannot be written; the last good checkpoint
   *     is kept and named
   */
  public End run(long done) {
    Rng root = Rng.of(settings.seed()).fork("updates");
    Checkpoints checkpoints = folder.checkpoints();
    long saved = done;
    long savedAt = System.nanoTime();
    long running = done;
    try (MetricsLog log = MetricsLog.open(folder.metrics(), done == 0 ? -1 : done)) {
      boolean stop = false;
      while (done < settings.updates() && !stop) {
        running = done + 1;
        Figures figures = update(root, done);
        done = running;
        for (Observer observer : observers) {
          stop |= observer.after(done, settings.updates(), figures) == Observer.Verdict.STOP;
        }
        log.append(done, figures.values());
        stop |= interrupted.getAsBoolean();
        boolean due = System.nanoTime() - savedAt >= settings.checkpointEvery().toNanos();
        if (due || stop || done == settings.updates()) {
          log.sync();
          checkpoints.save(done, settings.keepLast(), this::write);
          saved = done;
          savedAt = System.nanoTime();
        }
      }
    } catch (DivergedException e) {
      throw new RunException(
          "update %d stopped because %s; %s, so lower a learning rate or raise the regulariser's weight and start anew from there"
              .formatted(
                  running,
                  e.getMessage(),
                  saved == 0
                      ? "there is no checkpoint yet"
                      : "the last good checkpoint is that of update " + saved),
          e);
    }
    return done == settings.updates() ? End.FINISHED : End.STOPPED;
  }

  private Figures update(Rng root, long done) {
    long begin = System.nanoTime();
    try (Scope scope = Scope.open()) {
      Batch batch = batches.at(done);
      Figures figures =
          method.update(new Method.Progress(done, settings.updates()), batch, root.fork(done));
      return figures.put("seconds", (System.nanoTime() - begin) / 1e9);
    }
  }

  private void write(Path into) throws IOException {
    for (Role role : method.roles()) {
      TensorFiles.write(file(into, role), role.state(), role.counts());
    }
  }

  private void restore(Checkpoint checkpoint) {
    for (Role role : method.roles()) {
      try (Scope scope = Scope.open()) {
        Path file = file(checkpoint.folder(), role);
        Map<String, Tensor> state = TensorFiles.read(file);
        role.restore(state, TensorFiles.metadata(file));
      }
    }
  }

  private static Path file(Path folder, Role role) {
    return folder.resolve(role.name() + ".safetensors");
  }
}
