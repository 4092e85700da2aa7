package org.peltast.cli;

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
import org.peltast.distill.run.Checksums;
import org.peltast.distill.run.MetricsLog;

/** What tests compare of runs' folders. */
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
      Map<String, Object> figures = new TreeMap<>(line.figures());
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
