package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Native libraries are opened as a command begins, not when threads are at work. */
class NativeLibrariesTest {
  @TempDir Path folder;

  /** With looks, whose titles need fonts, and checkpoints, on threads of their own. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void aTrainingOpensNoLibraryOnceItsUpdatesHaveBegun() throws Exception {
    Child child = new Child(folder);
    Path run = folder.resolve("run");
    Process process =
        child.start(
            child.command(
                child.tinyTeacher(
                    run,
                    "data.limit=6",
                    "run.updates=100000",
                    "run.looksEvery=20",
                    "run.checkpointEvery=0s")));
    try {
      Runs.awaitLines(process, run, 1);
      assertThat(process.isAlive()).as(child.said()).isTrue();
      Set<String> first = libraries(process);
      assertThat(first)
          .anyMatch(name -> name.contains("libtorch"))
          .anyMatch(name -> name.contains("dnnl"))
          .anyMatch(name -> name.contains("onnxruntime"))
          .anyMatch(name -> name.contains("tokenizers"))
          .anyMatch(name -> name.contains("fontmanager"));
      Path look = run.resolve("samples/0000020.png");
      Child.await(process, () -> Files.exists(look) && Runs.lines(run) >= 22);
      assertThat(process.isAlive()).as(child.said()).isTrue();
      assertThat(libraries(process)).isEqualTo(first);
      // A child that hangs would be asked in the same way.
      assertThat(Child.stacks(process)).contains("peltast-files", "/task/");
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  /** The shared objects that a process has mapped. */
  private static Set<String> libraries(Process process) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc", "" + process.pid(), "maps"))) {
      return lines
          .map(line -> line.substring(line.lastIndexOf(' ') + 1))
          .filter(name -> name.contains(".so"))
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (NoSuchFileException e) {
      throw new AssertionError("the child has ended", e);
    }
  }
}
