package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.RunFolder;

/** Ctrl-C, as a terminal sends it: SIGINT. */
@DisabledOnOs(OS.WINDOWS)
class InterruptTest {
  private static final int MANY = 100_000; // updates: it never gets there by itself

  @TempDir Path folder;

  @Test
  void ctrlCFinishesTheUpdateSavesAndSaysHowToGoOn() throws Exception {
    Assumptions.assumeTrue(Child.hearsInterrupts(), "SIGINT is ignored by who started the tests");
    Child child = new Child(folder);
    Path out = folder.resolve("run");
    Process process = begin(child, out);
    Child.signal(process, "-INT");
    assertThat(Child.end(process)).as(child.said()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.said())
        .contains(
            "Stopping after this update; Ctrl-C again stops at once.",
            "Stopped and saved. Go on with: peltast train teacher --out " + out);
    long saved = newest(out);
    assertThat(Files.readAllLines(out.resolve("metrics.jsonl"))).hasSize((int) saved);

    // Again, and impatiently: whether the update or the second signal ends it, nothing is lost.
    process = begin(child, out);
    Child.signal(process, "-INT");
    child.awaitSaid(process, "Stopping after");
    Child.signal(process, "-INT");
    assertThat(Child.end(process)).as(child.said()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(newest(out)).isGreaterThanOrEqualTo(saved);
  }

  /** Started, and some updates on its way. */
  private static Process begin(Child child, Path out) throws Exception {
    long before = Runs.lines(out);
    Process process =
        child.start(
            child.command(
                child.tinyTeacher(
                    out,
                    "data.limit=6",
                    "run.updates=" + MANY,
                    "run.checkpointEvery=1h",
                    "run.looksEvery=0")));
    Runs.awaitLines(process, out, before + 2);
    assertThat(process.isAlive()).as(child.said()).isTrue();
    return process;
  }

  private static long newest(Path out) {
    return RunFolder.read(out, notice -> {}).checkpoints().latest().orElseThrow().update();
  }
}
