package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.testing.TinyModel;

/** A distillation by several processes is the one by a single process, and as hard to kill. */
class ProcessesTest {
  @TempDir Path folder;
  private Child child = new Child(Path.of("."));

  @BeforeEach
  void teacher() throws Exception {
    child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"));
  }

  private String[] distill(int processes, Path out, int updates, String... more)
      throws IOException {
    List<String> settings = new ArrayList<>(List.of("run.updates=" + updates));
    settings.addAll(List.of(more));
    String[] alone =
        child.tinyDistillation(folder.resolve("teacher"), out, settings.toArray(String[]::new));
    if (processes == 1) {
      return alone;
    }
    List<String> all =
        new ArrayList<>(List.of("launch", "--processes", Integer.toString(processes)));
    all.addAll(List.of(alone));
    return all.toArray(String[]::new);
  }

  private Path checkpoint(Path run, String role) throws IOException {
    try (Stream<Path> all = Files.list(run.resolve("checkpoints"))) {
      return all.max(Path::compareTo).orElseThrow().resolve(role + ".safetensors");
    }
  }

  /** The largest difference between two runs' weights of a role. */
  private double apart(Path a, Path b, String role) throws IOException {
    double most = 0;
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> one = TensorFiles.read(checkpoint(a, role));
      Map<String, Tensor> other = TensorFiles.read(checkpoint(b, role));
      assertThat(other.keySet()).isEqualTo(one.keySet());
      for (Map.Entry<String, Tensor> e : one.entrySet()) {
        if (e.getKey().startsWith("weights.") || e.getKey().startsWith("ema.")) {
          most =
              Math.max(
                  most,
                  e.getValue().sub(other.get(e.getKey())).abs().reshape(-1).max(false, 0).item());
        }
      }
    }
    return most;
  }

  /** Twenty updates of DMD with fresh captions for the fake, by one, by two, by three. */
  @Test
  void severalProcessesTrainTheWeightsOfOne() throws Exception {
    Path one = folder.resolve("one");
    Path two = folder.resolve("two");
    String fresh = "method.fake.images=fresh-captions";
    assertThat(child.run(distill(1, one, 20, fresh))).as(child.said()).isZero();
    assertThat(child.run(distill(2, two, 20, fresh))).as(child.said()).isZero();
    for (String role : List.of("student", "fake")) {
      assertThat(apart(one, two, role)).as(role).isLessThan(1e-5);
    }
    assertThat(Runs.results(two).keySet()).contains("student/model_index.json");
    assertThat(two.resolve("text")).isDirectoryContaining("glob:**.features");
    List<Map<String, Object>> logged = Runs.figures(two);
    assertThat(logged).hasSize(20);
    for (int u = 0; u < 20; u++) {
      Map<String, Object> of = Runs.figures(one).get(u);
      assertThat(logged.get(u).keySet()).isEqualTo(of.keySet());
      for (String name : List.of("loss", "ca", "variance", "fakeLoss")) {
        double expected = ((Number) of.get(name)).doubleValue();
        assertThat(((Number) logged.get(u).get(name)).doubleValue())
            .as(name)
            .isCloseTo(expected, within(1e-3 * Math.abs(expected) + 1e-5));
      }
    }
  }

  /** Processes that train adapters alone, over weights that each of them has. */
  @Test
  void severalProcessesTrainTheAdaptersOfOne() throws Exception {
    Path one = folder.resolve("one");
    Path two = folder.resolve("two");
    assertThat(child.run(distill(1, one, 6, "lora.rank=2"))).as(child.said()).isZero();
    assertThat(child.run(distill(2, two, 6, "lora.rank=2"))).as(child.said()).isZero();
    for (String role : List.of("student", "fake")) {
      assertThat(apart(one, two, role)).as(role).isLessThan(1e-5);
    }
    assertThat(Runs.results(two).keySet()).contains("student/pytorch_lora_weights.safetensors");
  }

  /** A checkpoint of any number of processes is one of any other. */
  @Test
  void checkpointsAreTakenUpByAnyNumberOfProcesses() throws Exception {
    Path straight = folder.resolve("straight");
    assertThat(child.run(distill(1, straight, 8))).as(child.said()).isZero();
    Path changing = folder.resolve("changing");
    int[] processes = {2, 1, 3, 2};
    for (int i = 0; i < processes.length - 1; i++) {
      stopAfter(processes[i], changing, 8, 2 * (i + 1));
    }
    assertThat(child.run(distill(2, changing, 8))).as(child.said()).isZero();
    assertThat(Runs.figures(changing)).hasSize(8);
    assertThat(apart(straight, changing, "student")).isLessThan(1e-5);
  }

  /** Asks a run to stop once it has logged so many updates; what it does beyond does not matter. */
  private void stopAfter(int processes, Path run, int updates, int lines) throws Exception {
    Process process = child.start(child.command(distill(processes, run, updates)));
    Child.await(process, () -> Runs.lines(run) >= lines || !process.isAlive());
    if (process.isAlive()) {
      Child.signal(process, "-TERM");
    }
    int code = Child.end(process);
    assertThat(code).as(child.said()).isIn(ExitCode.INTERRUPTED, ExitCode.OK);
  }

  /** Any rank killed: the others end within half a minute with a sentence, and the run goes on. */
  @Test
  void aKilledRankEndsAllAndTheSameCommandGoesOnBitForBit() throws Exception {
    Path straight = folder.resolve("straight");
    assertThat(child.run(distill(2, straight, 12))).as(child.said()).isZero();
    Path killed = folder.resolve("killed");
    for (int rank = 0; rank < 2; rank++) {
      long lines = Runs.lines(killed) + 2;
      Process launch = child.start(child.command(distill(2, killed, 12)));
      Child.await(launch, () -> Runs.lines(killed) >= lines || !launch.isAlive());
      Optional<ProcessHandle> victim = rank(launch, rank);
      if (victim.isPresent()) {
        long begin = System.nanoTime();
        victim.get().destroyForcibly();
        assertThat(Child.end(launch)).as(child.said()).isNotZero();
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(40));
        assertThat(child.said()).contains("rank " + rank).doesNotContain("\tat ");
      }
    }
    assertThat(child.run(distill(2, killed, 12))).as(child.said()).isZero();
    assertThat(Runs.results(killed)).isEqualTo(Runs.results(straight));
    assertThat(Runs.figures(killed)).isEqualTo(Runs.figures(straight));
  }

  /** The launcher's children, the first of which is rank 0. */
  private static Optional<ProcessHandle> rank(Process launch, int rank) {
    return launch.children().sorted().skip(rank).findFirst();
  }

  @Test
  void aBatchThatIsTooSmallIsOneSentence() throws Exception {
    assertThat(child.run(distill(3, folder.resolve("run"), 2, "run.batch=2"))).isNotZero();
    assertThat(child.said())
        .contains("a batch of 2 cannot be dealt out to 3 processes")
        .doesNotContain("internal error", "\tat ");
  }
}
