package org.peltast.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.peltast.runs.Checkpoint;
import org.peltast.runs.Checkpoints;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;

/**
 * The loop around anything that is done in updates: figures out, checkpoints in between, observers
 * asked, an orderly end. {@link Trainer} runs a {@link Method} in it.
 */
public final class RunLoop {
  /**
   * What may be set.
   *
   * @param updates after which the run is finished, unless an observer shortens it
   * @param checkpointEvery the longest time that a kill may cost
   * @param keepLast checkpoints kept
   */
  public record Settings(long updates, Duration checkpointEvery, int keepLast) {
    /** Checks the ranges. */
    public Settings {
      if (updates < 1 || keepLast < 1 || checkpointEvery.isNegative()) {
        throw new IllegalArgumentException(
            "a run needs at least one update, at least one checkpoint kept, and a time between checkpoints of 0 or more");
      }
    }
  }

  /** What is done. */
  public interface Work {
    /**
     * One update, a function of what {@link #save} saves and of its number.
     *
     * @param done the number of updates done before
     * @param updates of the whole run, as far as is known
     * @param changing to be run before anything changes that {@link #save} writes, which may still
     *     be at it
     * @throws DivergedException if a figure is not finite; the state is then of no further use
     */
    Figures update(long done, long updates, Runnable changing);

    /**
     * Writes everything that the next update depends on into an empty folder, on another thread
     * than that of the updates.
     */
    void save(Path into) throws IOException;
  }

  private final Settings settings;
  private final RunFolder folder;
  private final List<Observer> observers;
  private final BooleanSupplier interrupted;

  /** A run in an open folder; {@code interrupted} is asked between updates. */
  public RunLoop(
      Settings settings, RunFolder folder, List<Observer> observers, BooleanSupplier interrupted) {
    this.settings = settings;
    this.folder = folder;
    this.observers = List.copyOf(observers);
    this.interrupted = interrupted;
  }

  /**
   * Finds the newest whole checkpoint of the folder.
   *
   * @param restore puts what a checkpoint's folder holds back, bit for bit
   * @return the number of updates done, 0 if there is no checkpoint
   */
  public long resume(Consumer<Path> restore) {
    Optional<Checkpoint> latest = folder.checkpoints().latest();
    latest.ifPresent(checkpoint -> restore.accept(checkpoint.folder()));
    return latest.map(Checkpoint::update).orElse(0L);
  }

  /**
   * Runs from {@code done} updates to the end.
   *
   * @throws RunException if a figure is not finite or a guard says that it explodes (the cause is a
   *     {@link DivergedException}), or a file cannot be written; the last good checkpoint is kept
   *     and named
   */
  public Trainer.End run(Work work, long done) {
    Checkpoints checkpoints = folder.checkpoints();
    AtomicLong saved = new AtomicLong(done);
    long savedAt = System.nanoTime();
    long running = done;
    long updates = settings.updates();
    try (MetricsLog log = MetricsLog.open(folder.metrics(), done == 0 ? -1 : done);
        Aside aside = new Aside("peltast-files")) {
      boolean stop = false;
      if (done < updates) {
        List<Figures> past = past(folder.metrics());
        for (Observer observer : observers) {
          stop |= observer.begin(done, past) == Observer.Verdict.STOP;
        }
        updates = asked(done);
      }
      while (done < updates && !stop) {
        running = done + 1;
        Figures figures = work.update(done, updates, aside::await);
        aside.await(); // whoever changes nothing has not waited
        done = running;
        for (Observer observer : observers) {
          stop |= observer.after(done, updates, figures) == Observer.Verdict.STOP;
          observer.aside().ifPresent(aside::add);
        }
        updates = asked(done);
        long number = done;
        aside.add(() -> log.append(number, figures.values()));
        stop |= interrupted.getAsBoolean();
        boolean due = System.nanoTime() - savedAt >= settings.checkpointEvery().toNanos();
        if (due || stop || done == updates) {
          aside.add(
              () -> {
                log.sync();
                checkpoints.save(number, settings.keepLast(), work::save);
                saved.set(number);
              });
          savedAt = System.nanoTime();
        }
      }
      aside.await();
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
    return done >= updates ? Trainer.End.FINISHED : Trainer.End.STOPPED;
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
  private static List<Figures> past(Path log) {
    List<Figures> past = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(log)) {
      Figures figures = new Figures();
      line.figures()
          .forEach(
              (name, value) -> {
                if (value instanceof Number number) {
                  figures.put(name, number.doubleValue());
                }
              });
      past.add(figures);
    }
    return past;
  }
}
