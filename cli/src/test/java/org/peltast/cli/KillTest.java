package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.distill.run.MetricsLog;
import org.peltast.tensor.Rng;

/** What a user types, killed without warning and typed again, ends as if nothing had happened. */
class KillTest {
  private static final int UPDATES = 8;
  private static final int KILLS = 4;

  @TempDir Path folder;

  @Test
  void aKilledAndResumedDistillationIsTheUninterruptedOneBitForBit() throws Exception {
    Path teacher = folder.resolve("teacher");
    assertThat(finish(teacher())).isZero();
    assertThat(teacher.resolve("teacher/model_index.json")).exists();

    Path straight = folder.resolve("straight");
    assertThat(finish(distill(straight))).isZero();

    Path killed = folder.resolve("killed");
    Rng rng = Rng.of(7);
    for (int i = 0; i < KILLS; i++) {
      kill(
          distill(killed),
          killed.resolve("metrics.jsonl"),
          rng.below(UPDATES - 2) + 1,
          rng.below(60));
    }
    assertThat(finish(distill(killed))).isZero();

    assertThat(weights(killed)).isEqualTo(weights(straight)).isNotEmpty();
    assertThat(figures(killed)).isEqualTo(figures(straight)).hasSize(UPDATES);
  }

  private List<String> teacher() {
    return command(
        "train",
        "teacher",
        "--out",
        folder.resolve("teacher").toString(),
        "--set",
        "data.size=16",
        "--set",
        "data.limit=6",
        "--set",
        "model.codec=pixels",
        "--set",
        "model.patch=4",
        "--set",
        "model.dim=16",
        "--set",
        "model.layers=1",
        "--set",
        "model.heads=2",
        "--set",
        "model.axesDims=[4, 2, 2]",
        "--set",
        "precision=float32",
        "--set",
        "run.updates=2",
        "--set",
        "run.batch=4",
        "--set",
        "run.looksEvery=0");
  }

  private List<String> distill(Path out) {
    return command(
        "distill",
        "--teacher",
        folder.resolve("teacher/teacher").toString(),
        "--out",
        out.toString(),
        "--set",
        "data.size=16",
        "--set",
        "data.limit=6",
        "--set",
        "precision=float32",
        "--set",
        "run.updates=" + UPDATES,
        "--set",
        "run.batch=4",
        "--set",
        "run.checkpointEvery=0s");
  }

  /** This class path's command in a JVM of its own. */
  private static List<String> command(String... arguments) {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    all.addAll(
        List.of(
            "-Xmx1g",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            "-Dorg.bytedeco.javacpp.maxBytes=0",
            "-Dorg.bytedeco.javacpp.noPointerGC=true",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
    all.addAll(List.of(arguments));
    return all;
  }

  private Process start(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("PELTAST_CACHE", folder.resolve("cache").toString());
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("output.txt").toFile());
    return builder.start();
  }

  private int finish(List<String> command) throws Exception {
    Process process = start(command);
    assertThat(process.waitFor(4, TimeUnit.MINUTES)).isTrue();
    if (process.exitValue() != 0) {
      System.out.println(Files.readString(folder.resolve("output.txt")));
    }
    return process.exitValue();
  }

  /** Kills the process once its log has grown by so many lines, and a moment later. */
  private void kill(List<String> command, Path log, int lines, int millis) throws Exception {
    int before = lines(log);
    Process process = start(command);
    while (process.isAlive() && lines(log) < Math.min(before + lines, UPDATES - 1)) {
      Thread.sleep(2);
    }
    Thread.sleep(millis);
    process.destroyForcibly(); // kill -9
    process.waitFor();
  }

  private static int lines(Path log) throws IOException {
    return Files.exists(log) ? (int) new String(Files.readAllBytes(log)).lines().count() : 0;
  }

  /** The exported student and the last checkpoint's tensors, by name. */
  private static Map<String, String> weights(Path run) throws IOException {
    Map<String, String> all = new TreeMap<>();
    for (Path root :
        List.of(
            run.resolve("student/transformer"),
            run.resolve("checkpoints/%06d".formatted(UPDATES)))) {
      try (Stream<Path> files = Files.list(root)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
          all.put(
              root.getFileName() + "/" + file.getFileName(),
              org.peltast.distill.run.Checksums.sha256(file));
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
