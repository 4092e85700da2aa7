package org.peltast.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The loop around any {@link Method}: batches in, figures out, checkpoints in between. Update u
 * draws from a random stream that is a function of (seed, u), and its batch is a function of u, so
 * a checkpoint holds no position in any stream and a resumed run goes on bit for bit.
 */
public final class Trainer {
  /**
   * What may be set.
   *
   * @param updates after which the run is finished, unless an observer shortens it
   * @param checkpointEvery the longest time that a kill may cost
   * @param keepLast checkpoints kept
   * @param seed of everything random
   */
  public record Settings(long updates, Duration checkpointEvery, int keepLast, long seed) {
    /** Checks the ranges. */
    public Settings {
      new RunLoop.Settings(updates, checkpointEvery, keepLast); // refuses what is out of range
    }
  }

  /** How a run ended. */
  public enum End {
    FINISHED,
    /** Interrupted or stopped by an observer; the same command goes on. */
    STOPPED
  }

  private static final JsonMapper JSON = new JsonMapper();
  private static final String METHOD = "method.json";

  private final Method method;
  private final BatchSource batches;
  private final RunLoop loop;
  private final Rng root;

  /** A run in an open folder; {@code interrupted} is asked between updates. */
  public Trainer(
      Settings settings,
      Method method,
      BatchSource batches,
      RunFolder folder,
      List<Observer> observers,
      BooleanSupplier interrupted) {
    this.method = method;
    this.batches = batches;
    this.root = Rng.of(settings.seed()).fork("updates");
    this.loop =
        new RunLoop(
            new RunLoop.Settings(
                settings.updates(), settings.checkpointEvery(), settings.keepLast()),
            folder,
            observers,
            interrupted);
  }

  /**
   * Puts the newest whole checkpoint of the folder into the method's roles.
   *
   * @return the number of updates done, 0 if there is no checkpoint
   */
  public long resume() {
    return loop.resume(this::restore);
  }

  /**
   * Runs from {@code done} updates to the end.
   *
   * @throws RunException if a loss diverges or a file cannot be written; the last good checkpoint
   *     is kept and named
   */
  public End run(long done) {
    try (Ahead ahead = new Ahead(batches)) {
      return loop.run(
          new RunLoop.Work() {
            @Override
            public Figures update(long before, long updates, Runnable changing) {
              return Trainer.this.update(ahead, new Method.Progress(before, updates, changing));
            }

            @Override
            public void save(Path into) throws IOException {
              Trainer.this.save(into);
            }
          },
          done);
    }
  }

  private Figures update(Ahead ahead, Method.Progress progress) {
    long begin = System.nanoTime();
    try (Scope scope = Scope.open();
        Ahead.Ready ready = ahead.take(progress.update(), progress.updates())) {
      Figures figures = method.update(progress, ready.batch(), root.fork(progress.update()));
      return figures.put("seconds", (System.nanoTime() - begin) / 1e9);
    }
  }

  private void save(Path into) throws IOException {
    for (Role role : method.roles()) {
      TensorFiles.write(file(into, role), role.state(), role.counts());
    }
    if (!method.adjusted().isEmpty()) {
      Files.write(into.resolve(METHOD), JSON.writeValueAsBytes(method.adjusted()));
    }
  }

  private void restore(Path from) {
    for (Role role : method.roles()) {
      try (Scope scope = Scope.open()) {
        Path file = file(from, role);
        Map<String, Tensor> state = TensorFiles.read(file);
        role.restore(state, TensorFiles.metadata(file));
      }
    }
    method.adjust(adjusted(from.resolve(METHOD)));
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
