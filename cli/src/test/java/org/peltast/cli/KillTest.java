package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.tensor.Rng;
import org.peltast.testing.TinyModel;

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
    Child child = new Child(folder).with(List.of(), Map.of("OMP_NUM_THREADS", "2"));
    TinyModel.write(folder.resolve("teacher"));
    Path straight = folder.resolve("straight");
    assertThat(child.run(distill(child, straight, UPDATES))).as(child.said()).isZero();

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
    assertThat(child.run(distill(child, killed, UPDATES))).as(child.said()).isZero();

    assertThat(Runs.results(killed)).isEqualTo(Runs.results(straight));
    assertThat(Runs.results(killed).keySet())
        .contains("student/model_index.json", "samples/%07d.png".formatted(UPDATES));
    assertThat(Runs.figures(killed)).isEqualTo(Runs.figures(straight)).hasSize(UPDATES);
    try (Stream<Path> left = Files.walk(killed)) {
      assertThat(left.map(p -> String.valueOf(p.getFileName())))
          .as("nothing half written stays")
          .noneMatch(name -> name.contains(".tmp") || name.matches("\\..*\\.(new|old)-\\d+"));
    }
    try (Stream<Path> left = Files.walk(child.temporary())) {
      assertThat(left).as("kills leave nothing to fill the disk").noneMatch(Files::isRegularFile);
    }
  }

  /**
   * Starts the command, waits for the moment and kills the process; false if it was done before.
   */
  private boolean kill(Child child, Path run, Moment moment, Rng rng) throws Exception {
    long lines = Runs.lines(run) + rng.below(2) + (Runs.lines(run) == 0 ? 1 : 0);
    int looks = files(run.resolve("samples"), "");
    Callable<Boolean> come =
        switch (moment) {
          case UPDATE -> () -> Runs.lines(run) > lines;
          case CHECKPOINT ->
              () -> Runs.lines(run) > 0 && files(run.resolve("checkpoints"), ".tmp-") > 0;
          case LOOK -> () -> files(run.resolve("samples"), "") > looks;
        };
    Process process = child.start(child.command(distill(child, run, UPDATES)));
    Child.await(process, come);
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
    assertThat(child.run(distill(child, straight, 6))).as(child.said()).isZero();

    Path asked = folder.resolve("asked");
    assertThat(stop(child, distill(child, asked, 6), asked, "-TERM"))
        .isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.said()).contains("Stopping after this update", "Go on with: peltast distill");
    assertThat(stop(child, distill(child, asked, 6), asked, interrupt(), interrupt()))
        .isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.run(distill(child, asked, 6))).as(child.said()).isZero();
    assertThat(Runs.results(asked)).isEqualTo(Runs.results(straight));
    assertThat(Runs.figures(asked)).isEqualTo(Runs.figures(straight)).hasSize(6);
    // A finished run, typed once more, is finished: nothing is drawn, logged or written anew.
    assertThat(child.run(distill(child, asked, 6))).as(child.said()).isZero();
    assertThat(Runs.results(asked)).isEqualTo(Runs.results(straight));
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
    long before = Runs.lines(asked);
    Process killed = child.start(child.command(train(child, asked)));
    Runs.awaitLines(killed, asked, before + 1);
    killed.destroyForcibly();
    killed.waitFor();
    assertThat(child.run(train(child, asked))).as(child.said()).isZero();
    assertThat(Runs.results(asked)).isEqualTo(Runs.results(straight));
    assertThat(Runs.figures(asked)).isEqualTo(Runs.figures(straight)).hasSize(8);
  }

  /** Ctrl-C's signal, where it can be heard. */
  private static String interrupt() throws IOException {
    return Child.hearsInterrupts() ? "-INT" : "-TERM";
  }

  /** Sends signals once the run has logged an update that was not there before. */
  private static int stop(Child child, String[] typed, Path run, String... signals)
      throws Exception {
    long before = Runs.lines(run);
    Process process = child.start(child.command(typed));
    Runs.awaitLines(process, run, before + 1);
    for (String signal : signals) {
      Child.signal(process, signal);
    }
    return Child.end(process);
  }

  private String[] distill(Child child, Path out, int updates) throws IOException {
    return child.tinyDistillation(
        folder.resolve("teacher"), out, "run.updates=" + updates, "run.looksEvery=2");
  }

  private String[] train(Child child, Path out) {
    return child.tinyTeacher(
        out, "data.limit=6", "run.updates=8", "run.looksEvery=4", "run.checkpointEvery=0s");
  }

  private static int files(Path folder, String prefix) {
    String[] names = folder.toFile().list((in, name) -> name.startsWith(prefix));
    return names == null ? 0 : names.length;
  }
}
