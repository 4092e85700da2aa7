package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.distill.run.Checksums;
import org.peltast.distill.run.MetricsLog;
import org.peltast.tensor.Rng;

/** What a user types, ended from outside and typed again, ends as if nothing had happened. */
class KillTest {
  private static final int UPDATES = 24;
  private static final int KILLS = 20;

  @TempDir Path folder;

  /** Where a kill falls. */
  private enum Moment {
    UPDATE,
    CHECKPOINT,
    LOOK
  }

  @Test
  void twentyKillsLaterADistillationIsTheUninterruptedOneBitForBit() throws Exception {
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"));
    Path straight = folder.resolve("straight");
    assertThat(child.run(distill(straight, UPDATES))).as(child.said()).isZero();

    Path killed = folder.resolve("killed");
    Rng rng = Rng.of(7);
    Map<Moment, Integer> fell = new TreeMap<>();
    for (int i = 0; i < KILLS; i++) {
      Moment moment = Moment.values()[i % Moment.values().length];
      if (kill(child, killed, moment, rng)) {
        fell.merge(moment, 1, Integer::sum);
      }
    }
    assertThat(fell.values()).as("kills of each kind " + fell).allMatch(n -> n >= 5);
    assertThat(child.run(distill(killed, UPDATES))).as(child.said()).isZero();

    assertThat(results(killed)).isEqualTo(results(straight));
    assertThat(results(killed).keySet())
        .contains("student/model_index.json", "samples/%07d.png".formatted(UPDATES));
    assertThat(figures(killed)).isEqualTo(figures(straight)).hasSize(UPDATES);
    try (Stream<Path> left = Files.walk(killed)) {
      assertThat(left.map(p -> String.valueOf(p.getFileName())))
          .as("nothing half written stays")
          .noneMatch(name -> name.contains(".tmp") || name.matches("\\..*\\.(new|old)-\\d+"));
    }
  }

  /**
   * Starts the command, waits for the moment and kills the process; false if it was done before.
   */
  private boolean kill(Child child, Path run, Moment moment, Rng rng) throws Exception {
    long lines = lines(run) + rng.below(2) + (lines(run) == 0 ? 1 : 0);
    int looks = files(run.resolve("samples"), "");
    BooleanSupplier come =
        switch (moment) {
          case UPDATE -> () -> lines(run) > lines;
          case CHECKPOINT -> () -> lines(run) > 0 && files(run.resolve("checkpoints"), ".tmp-") > 0;
          case LOOK -> () -> files(run.resolve("samples"), "") > looks;
        };
    Process process = child.start(child.command(distill(run, UPDATES)));
    while (process.isAlive() && !come.getAsBoolean()) {
      Thread.sleep(1);
    }
    if (moment == Moment.UPDATE) {
      Thread.sleep(rng.below(40));
    }
    boolean alive = process.isAlive();
    process.destroyForcibly(); // kill -9
    process.waitFor();
    return alive;
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void aRunThatIsAskedToStopSavesAndTheSameCommandGoesOn() throws Exception {
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"));
    Path straight = folder.resolve("straight");
    assertThat(child.run(distill(straight, 6))).as(child.said()).isZero();

    Path asked = folder.resolve("asked");
    assertThat(stop(child, distill(asked, 6), asked, "-TERM")).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.said()).contains("Stopping after this update", "Go on with: peltast distill");
    assertThat(stop(child, distill(asked, 6), asked, interrupt(), interrupt()))
        .isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.run(distill(asked, 6))).as(child.said()).isZero();
    assertThat(results(asked)).isEqualTo(results(straight));
    assertThat(figures(asked)).isEqualTo(figures(straight)).hasSize(6);
    // A finished run, typed once more, is finished: nothing is drawn, logged or written anew.
    assertThat(child.run(distill(asked, 6))).as(child.said()).isZero();
    assertThat(results(asked)).isEqualTo(results(straight));
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void aTeachersTrainingGoesOnToo() throws Exception {
    Child child = new Child(folder);
    Path straight = folder.resolve("straight");
    assertThat(child.run(train(child, straight))).as(child.said()).isZero();

    Path asked = folder.resolve("asked");
    assertThat(stop(child, train(child, asked), asked, interrupt()))
        .isEqualTo(ExitCode.INTERRUPTED);
    Process killed = child.start(child.command(train(child, asked)));
    long before = lines(asked);
    while (killed.isAlive() && lines(asked) <= before) {
      Thread.sleep(1);
    }
    killed.destroyForcibly();
    killed.waitFor();
    assertThat(child.run(train(child, asked))).as(child.said()).isZero();
    assertThat(results(asked)).isEqualTo(results(straight));
    assertThat(figures(asked)).isEqualTo(figures(straight)).hasSize(8);
  }

  /** Ctrl-C's signal, where it can be heard. */
  private static String interrupt() throws IOException {
    return Child.hearsInterrupts() ? "-INT" : "-TERM";
  }

  /** Sends signals once the run has logged an update that was not there before. */
  private static int stop(Child child, String[] typed, Path run, String... signals)
      throws Exception {
    long before = lines(run);
    Process process = child.start(child.command(typed));
    while (process.isAlive() && lines(run) <= before) {
      Thread.sleep(1);
    }
    for (String signal : signals) {
      new ProcessBuilder("kill", signal, Long.toString(process.pid())).start().waitFor();
    }
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    return process.exitValue();
  }

  private String[] distill(Path out, int updates) {
    return Child.sets(
        List.of(
            "distill", "--teacher", folder.resolve("teacher").toString(), "--out", out.toString()),
        "data.size=16",
        "data.limit=6",
        "precision=float32",
        "run.updates=" + updates,
        "run.batch=4",
        "run.looksEvery=2",
        "run.checkpointEvery=0s");
  }

  private String[] train(Child child, Path out) {
    return child.tinyTeacher(
        out, "data.limit=6", "run.updates=8", "run.looksEvery=4", "run.checkpointEvery=0s");
  }

  private static long lines(Path run) {
    Path log = run.resolve("metrics.jsonl");
    try {
      return Files.exists(log) ? new String(Files.readAllBytes(log)).lines().count() : 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int files(Path folder, String prefix) {
    String[] names = folder.toFile().list((in, name) -> name.startsWith(prefix));
    return names == null ? 0 : names.length;
  }

  /** The checksums of the model, of the last checkpoint's tensors and of the pictures, by path. */
  private static Map<String, String> results(Path run) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(run)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        String name = run.relativize(file).toString();
        // peltast.json and provenance.json tell when the run began.
        if (name.matches("(student|teacher|checkpoints|samples)/.*")
            && !name.endsWith("peltast.json")) {
          all.put(name, Checksums.sha256(file));
        }
      }
    }
    return all;
  }

  /** All that was logged but for the clock. */
  private static List<Map<String, Object>> figures(Path run) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(run.resolve("metrics.jsonl"))) {
      Map<String, Object> figures = new TreeMap<>(line.figures());
      figures.keySet().removeIf(name -> name.startsWith("seconds"));
      all.add(figures);
    }
    return all;
  }
}
