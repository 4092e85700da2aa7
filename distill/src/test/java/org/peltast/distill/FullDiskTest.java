package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.Checksums;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.Provenance;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;

/** A disk that fills up at any write: the run stops with one sentence, and goes on bit for bit. */
class FullDiskTest {
  private static final int UPDATES = 2;

  @TempDir private Path place;
  private final FaultyDisk disk = new FaultyDisk();

  /** A run as a command makes it: recipe, provenance, log, a checkpoint after each update. */
  private void run(Path path) {
    List<String> notices = new ArrayList<>();
    try (Scope scope = Scope.open();
        RunFolder folder = RunFolder.open(path, notices::add)) {
      Mlp network = new Mlp(2, Mixture.CLASSES, 4, Rng.of(1));
      Role role =
          new Role(
              "teacher",
              network,
              new Role.Settings(new LearningRate(1e-2, 2, 0.5), AdamW.Settings.defaults(), 1, 0.9));
      if (folder.readRecipe().isEmpty()) {
        folder.writeRecipe("steps: 2\n");
      }
      if (folder.readProvenance().isEmpty()) {
        folder.writeProvenance(Provenance.now(Map.of(), Map.of("run", 1L), Map.of()));
      }
      try (FlowMatching method =
          new FlowMatching(Toys.denoiser(network), role, FlowMatching.Settings.defaults())) {
        Trainer trainer =
            new Trainer(
                new Trainer.Settings(UPDATES, Duration.ZERO, 1, 42),
                method,
                BatchSource.of(
                    2, update -> Toys.points(Mixture.CLASSES, Tensor.ones(2, 2, 1, 1), 0, 1)),
                folder,
                List.of(),
                () -> false);
        trainer.run(trainer.resume());
      }
    }
    // What is too old and cannot be put away is told, and stops nobody.
    assertThat(notices).allMatch(notice -> notice.startsWith("Old checkpoints"));
  }

  @Test
  void aDiskThatIsFullAtAnyWriteLosesNothing() throws Exception {
    Path straight = place.resolve("straight");
    run(disk.at(straight));
    long all = disk.writes();
    assertThat(all).isGreaterThan(40);
    Map<String, String> whole = results(straight);
    assertThat(whole).isNotEmpty();

    for (long room = 0; room < all; room++) {
      Path path = place.resolve("run-" + room);
      long before = disk.writes();
      disk.room(room);
      Throwable failure = catchThrowable(() -> run(disk.at(path)));
      disk.room(Long.MAX_VALUE);
      if (failure == null) {
        // The last of a run's writes may be one that nothing depends on.
        assertThat(disk.writes() - before).as("room for " + room).isLessThanOrEqualTo(all);
        assertThat(room).isGreaterThan(all - 5);
        continue;
      }
      assertThat(failure.getMessage())
          .as("room for %d writes: %s", room, failure)
          .containsAnyOf("is full; make room", "No space left on device")
          .hasLineCount(1);
      requireWhole(path, room);
      run(disk.at(path)); // there is room again
      assertThat(results(path)).as("room for " + room).isEqualTo(whole);
    }
  }

  /** Whatever is under a checkpoint's name is whole, and the log holds every update up to it. */
  private static void requireWhole(Path path, long room) {
    if (!Files.isDirectory(path)) {
      return;
    }
    List<String> notices = new ArrayList<>();
    RunFolder folder = RunFolder.read(path, notices::add);
    long last =
        folder.checkpoints().latest().map(org.peltast.runs.TrainingCheckpoint::update).orElse(0L);
    assertThat(notices).as("room for " + room).isEmpty();
    for (long number : folder.checkpoints().numbers()) {
      folder.checkpoints().get(number); // throws if it is damaged
    }
    if (last > 0) {
      assertThat(MetricsLog.read(folder.metrics()))
          .extracting(MetricsLog.Line::update)
          .startsWith(Stream.iterate(1L, u -> u + 1).limit(last).toArray(Long[]::new));
    }
  }

  /** Checkpoints' bytes, and the log without the clock. */
  private static Map<String, String> results(Path run) throws Exception {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(run.resolve("checkpoints"))) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        all.put(run.relativize(file).toString(), Checksums.sha256(file));
      }
    }
    for (MetricsLog.Line line : MetricsLog.read(run.resolve("metrics.jsonl"))) {
      Map<String, Object> metrics = new LinkedHashMap<>(line.metrics());
      metrics.keySet().removeIf(name -> name.startsWith("seconds"));
      all.put("update " + line.update(), metrics.toString());
    }
    return all;
  }
}
