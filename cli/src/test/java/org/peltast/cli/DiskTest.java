package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.RunFolder;
import org.peltast.testing.TinyModel;

/**
 * A real disk that fills up, and one that may not be written: a small tmpfs, where this user may
 * mount one.
 */
class DiskTest {
  private static final int UPDATES = 4;

  @TempDir Path folder;
  private boolean mounted;

  @AfterEach
  void unmount() throws Exception {
    if (mounted) {
      mount("umount", "-l", disk().toString());
    }
  }

  @Test
  void aFullDiskStopsARunWithOneSentenceAndWithRoomItGoesOnToTheSameBits() throws Exception {
    Files.createDirectory(disk());
    assumeTrue(
        mount("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk().toString()),
        "this user may not mount a disk");
    mounted = true;
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"));
    Path straight = folder.resolve("straight");
    assertThat(child.run(distill(child, straight))).as(child.said()).isZero();

    // Room for two checkpoints and the half of a third.
    long kib = (size(straight) - 2 * checkpoint(straight) + checkpoint(straight) * 5 / 2) >> 10;
    assertThat(remount("size=" + kib + "k")).isTrue();
    Path run = disk().resolve("run");
    assertThat(child.run(distill(child, run))).as(child.said()).isEqualTo(ExitCode.FAILED);
    assertThat(child.said().lines().filter(line -> line.startsWith("peltast: ")))
        .as(child.said())
        .singleElement()
        .asString()
        .endsWith("is full; make room or choose another folder.");
    assertThat(child.said()).doesNotContain("Exception", "\tat ");
    List<String> notices = new ArrayList<>();
    assertThat(RunFolder.read(run, notices::add).checkpoints().latest().orElseThrow().update())
        .isEqualTo(2);
    assertThat(notices).isEmpty();

    assertThat(remount("ro")).isTrue();
    Map<String, String> before = Runs.files(run);
    assertThat(child.run(distill(child, run))).as(child.said()).isEqualTo(ExitCode.USAGE);
    assertThat(child.said())
        .startsWith("peltast: Cannot open the run " + run)
        .contains("may not be written or read by this user; change its permissions")
        .hasLineCount(1);
    Path fresh = disk().resolve("fresh");
    assertThat(child.run(distill(child, fresh))).as(child.said()).isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("may not be written or read by this user").hasLineCount(1);
    assertThat(Runs.files(run)).isEqualTo(before);

    assertThat(remount("rw,size=64m")).isTrue();
    assertThat(child.run(distill(child, run))).as(child.said()).isZero();
    assertThat(Runs.results(run)).isEqualTo(Runs.results(straight));
    assertThat(Runs.figures(run)).isEqualTo(Runs.figures(straight)).hasSize(UPDATES);
  }

  private Path disk() {
    return folder.resolve("disk");
  }

  private boolean remount(String options) throws Exception {
    return mount("mount", "-o", "remount," + options, disk().toString());
  }

  private static boolean mount(String... command) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(1, TimeUnit.MINUTES) && process.exitValue() == 0;
    } catch (IOException noSuchCommand) {
      return false;
    }
  }

  private String[] distill(Child child, Path out) throws IOException {
    return child.tinyDistillation(
        folder.resolve("teacher"), out, "run.updates=" + UPDATES, "run.looksEvery=0");
  }

  private static long checkpoint(Path run) throws IOException {
    return size(run.resolve("checkpoints/%06d".formatted(UPDATES)));
  }

  /** Bytes, in whole blocks as a tmpfs counts them. */
  private static long size(Path folder) throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        bytes += (Files.size(file) + 4095) / 4096 * 4096;
      }
    }
    return bytes;
  }
}
