package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Several processes by {@code peltast launch}. */
@DisabledOnOs(OS.WINDOWS)
class LaunchTest {
  @TempDir Path folder;

  private static String[] launch(int processes, String... command) {
    List<String> all =
        new ArrayList<>(List.of("launch", "--processes", Integer.toString(processes)));
    all.addAll(Arrays.asList(command));
    return all.toArray(String[]::new);
  }

  /** A training that a test does not live to see the end of. */
  private String[] training(Child child, int processes, Path out) {
    return launch(
        processes,
        child.tinyTeacher(
            out,
            "data.limit=6",
            "run.updates=100000",
            "run.checkpointEvery=1h",
            "run.looksEvery=0"));
  }

  @Test
  void whatTheFirstProcessPrintsIsShownOnce() throws Exception {
    Child child = new Child(folder);
    assertThat(child.run("recipes")).as(child.said()).isZero();
    String alone = child.said();
    assertThat(alone).isNotBlank();
    assertThat(child.run(launch(3, "recipes"))).as(child.said()).isZero();
    assertThat(child.said()).isEqualTo(alone);
  }

  @Test
  void errorsSayOfWhichRankTheyAreAndTheFirstFailureIsTheExitCode() throws Exception {
    Child child = new Child(folder);
    assertThat(child.run(launch(2, "inspect", folder.resolve("none.safetensors").toString())))
        .as(child.said())
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said())
        .containsPattern("(?m)^peltast: .*none.safetensors: there is no such file")
        .containsPattern("(?m)^\\[rank 1] peltast: .*none.safetensors: there is no such file")
        .containsPattern(
            "(?m)^peltast: rank [01] of 2 ended with exit code 2; all others were ended\\.$");
  }

  @Test
  void aProcessThatIsKilledEndsTheLaunch() throws Exception {
    Child child = new Child(folder);
    Path out = folder.resolve("run");
    Process launcher = child.start(child.command(training(child, 1, out)));
    Runs.awaitLines(launcher, out, 2);
    ProcessHandle rank = launcher.children().findFirst().orElseThrow();
    rank.destroyForcibly();
    assertThat(Child.end(launcher)).as(child.said()).isEqualTo(ExitCode.FAILED);
    assertThat(child.said())
        .contains("peltast: rank 0 of 1 ended with signal 9; all others were ended.");
  }

  /** It cannot end them: they notice. */
  @Test
  void noProcessOutlivesALauncherThatIsKilled() throws Exception {
    Child child = new Child(folder);
    Path out = folder.resolve("run");
    Process launcher = child.start(child.command(training(child, 1, out)));
    Runs.awaitLines(launcher, out, 2);
    ProcessHandle rank = launcher.children().findFirst().orElseThrow();
    launcher.destroyForcibly().waitFor();
    rank.onExit().get(5, TimeUnit.MINUTES);
    assertThat(child.said()).contains("the process that launched this one is gone");
  }

  @Test
  void beingAskedToStopIsPassedOn() throws Exception {
    Child child = new Child(folder);
    Path out = folder.resolve("run");
    Process launcher = child.start(child.command(training(child, 1, out)));
    Runs.awaitLines(launcher, out, 2);
    Child.signal(launcher, "-TERM");
    assertThat(Child.end(launcher)).as(child.said()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.said()).contains("Stopped and saved.");
    assertThat(Files.exists(out)).isTrue();
  }

  /** As torchrun would start it. */
  @Test
  void aTrainingOfOneProcessIsRefusedInAGroup() {
    Ranks.requireAlone("demo", Map.of());
    Ranks.requireAlone("demo", Map.of("WORLD_SIZE", "1"));
    assertThatThrownBy(() -> Ranks.requireAlone("demo", Map.of("WORLD_SIZE", "2")))
        .isInstanceOf(CommandException.class)
        .hasMessageContaining("without launch or torchrun");
  }

  @Test
  void whatCannotBeLaunchedIsSaid() throws Exception {
    Child child = new Child(folder);
    assertThat(child.run(launch(0, "recipes"))).isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("--processes must be from 1 to 1024, but is 0");
    assertThat(child.run(launch(2, "destill"))).isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("'destill' is no command that can be launched");
    assertThat(child.run(launch(2, "launch", "--processes", "2", "recipes")))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("'launch' is no command that can be launched");
    assertThat(child.run(launch(2, "demo", "--out", folder.resolve("demo").toString())))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said())
        .containsOnlyOnce("peltast: ")
        .contains("`peltast demo` trains in one process: run it without launch or torchrun");
    assertThat(child.run(launch(2, "train", "judge"))).isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("`peltast train judge` trains in one process");
  }
}
