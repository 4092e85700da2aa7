package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.peltast.runs.Checksums;
import org.peltast.runs.MetricsLog;

/** What tests compare of runs' folders, and demand of whoever writes to them. */
final class Runs {
  private Runs() {}

  /** The checksums of the model, of the last checkpoints' tensors and of the pictures, by path. */
  static Map<String, String> results(Path run) throws IOException {
    Map<String, String> all = files(run);
    // peltast.json and provenance.json tell when the run began.
    all.keySet()
        .removeIf(
            name ->
                !name.matches("(student|teacher|checkpoints|samples|story|spear/checkpoints)/.*")
                    || name.endsWith("peltast.json"));
    return all;
  }

  /**
   * The checksum of each file below a folder, by path; of a folder and of a link it is empty. The
   * lock is left out: it names the process that was there last.
   */
  static Map<String, String> files(Path folder) throws IOException {
    Map<String, String> all = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.filter(p -> !p.endsWith(".lock")).toList()) {
        all.put(
            folder.relativize(path).toString(),
            Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) ? Checksums.sha256(path) : "");
      }
    }
    return all;
  }

  /** All that was logged but for the clock. */
  static List<Map<String, Object>> figures(Path run) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(run.resolve("metrics.jsonl"))) {
      Map<String, Object> figures = new TreeMap<>(line.metrics());
      figures.keySet().removeIf(name -> name.startsWith("seconds"));
      all.add(figures);
    }
    return all;
  }

  /** Updates logged so far. */
  static long lines(Path run) {
    Path log = run.resolve("metrics.jsonl");
    try {
      return Files.exists(log) ? new String(Files.readAllBytes(log)).lines().count() : 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Starts a run that does not end by itself, and the same beside it: the second is told who is
   * there, and the first goes on.
   */
  static void requireSecondRefused(Child child, Path run, String... endless) throws Exception {
    Process first = child.start(child.command(endless));
    try {
      awaitLines(first, run, 1);
      Child second = child.beside();
      assertThat(second.run(endless)).as(second.said()).isEqualTo(ExitCode.USAGE);
      assertThat(second.said())
          .startsWith("peltast: %s is in use by process %d on ".formatted(run, first.pid()))
          .endsWith("; wait for it to end, or choose another folder.\n")
          .hasLineCount(1);
      awaitLines(first, run, lines(run) + 1);
      assertThat(first.isAlive()).as(child.said()).isTrue();
    } finally {
      first.destroyForcibly().waitFor();
    }
  }

  /** Waits until a run has logged so many updates, or has ended. */
  static void awaitLines(Process process, Path run, long wanted) throws Exception {
    Child.await(process, () -> lines(run) >= wanted);
  }

  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> walk = Files.walk(from)) {
      for (Path path : walk.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  static void delete(Path folder) throws IOException {
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /** Cuts a file in the middle. */
  static void cut(Path file) throws IOException {
    byte[] all = Files.readAllBytes(file);
    Files.write(file, java.util.Arrays.copyOf(all, all.length / 2));
  }

  /** Changes one bit of a file. */
  static void flip(Path file, int at) throws IOException {
    byte[] all = Files.readAllBytes(file);
    all[at] ^= 4;
    Files.write(file, all);
  }
}
