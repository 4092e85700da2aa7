package org.peltast.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.api.Distillation;
import org.peltast.api.Distiller;
import org.peltast.api.Peltast;
import org.peltast.api.Recipe;
import org.peltast.api.Recipes;
import org.peltast.api.Teacher;
import org.peltast.data.DataException;
import org.peltast.runs.RunException;
import org.peltast.testing.TinyModel;

/** Runs every example on a tiny teacher, and the façade's refusals. */
class ExamplesTest {
  private static final List<String> PROMPTS = List.of("a red apple", "a blue car", "a black cat");
  @TempDir static Path shared;
  private static Path tiny;
  @TempDir Path temp;

  @BeforeAll
  static void teacher() {
    tiny = shared.resolve("teacher");
    TinyModel.write(tiny);
  }

  private static Recipe small(Recipe of) {
    return of.steps(2).batch(2).updates(4).set("run.looksEvery", 0);
  }

  private static byte[] weights(Path model) throws IOException {
    return Files.readAllBytes(
        model.resolve("transformer").resolve("diffusion_pytorch_model.safetensors"));
  }

  @Test
  void generateDrawsOnePictureForEachPrompt() throws IOException {
    Generate.main(new String[] {tiny.toString(), temp.toString(), PROMPTS.get(0), PROMPTS.get(1)});
    for (String name : new String[] {"0.png", "1.png"}) {
      assertThat(ImageIO.read(temp.resolve(name).toFile()).getWidth()).isEqualTo(TinyModel.EDGE);
    }
  }

  @Test
  void distilSavesAStudentOfSoManySteps() throws IOException {
    Recipe recipe = small(Recipes.decoupledDmd()).steps(3).guidance(4);
    Path student = temp.resolve("student");
    Distil.distil(tiny, recipe, PROMPTS, temp.resolve("run"), student);
    try (Teacher opened = Peltast.open(student)) {
      assertThat(opened.model().defaults().evaluations()).isEqualTo(3);
      assertThat(opened.generate(PROMPTS, 1)).hasSize(3);
    }
    assertThat(weights(student)).isNotEqualTo(weights(tiny));
    // A finished run gives the same student once more, without an update.
    Path again = temp.resolve("again");
    Distil.distil(tiny, recipe, PROMPTS, temp.resolve("run"), again);
    assertThat(weights(again)).isEqualTo(weights(student));
  }

  @Test
  void anOwnNetworkIsTrainedAndDistilledToAllModes() {
    PlaneNetwork teacher = OwnNetwork.teacher(temp.resolve("teacher"), 200);
    PlaneNetwork student = OwnNetwork.student(teacher, temp.resolve("student"), 100);
    List<Plane.Mode> before = Plane.modes(teacher.denoiser(), OwnNetwork.STEPS);
    List<Plane.Mode> after = Plane.modes(student.denoiser(), OwnNetwork.STEPS);
    assertThat(after).allMatch(mode -> mode.share() > 0.25 / 3 && mode.share() < 0.75 / 3);
    assertThat(off(after)).isLessThan(0.5).isLessThan(0.85 * off(before));
  }

  private static double off(List<Plane.Mode> modes) {
    return modes.stream().mapToDouble(Plane.Mode::off).average().orElseThrow();
  }

  @Test
  void anOwnMethodRunsAndGoesOnBitForBit() throws IOException {
    Recipe recipe = small(Recipes.custom("regression")).updates(12);
    try (Teacher teacher = Peltast.open(tiny)) {
      List<Double> losses = new ArrayList<>();
      OwnMethod.run(teacher, recipe, PROMPTS, temp.resolve("whole"))
          .onUpdate(u -> losses.add(u.metric("loss")))
          .start()
          .student()
          .save(temp.resolve("a"));
      assertThat(losses).hasSize(12);
      for (double loss : losses.subList(0, 3)) {
        // This teacher's velocity is about 0: its image is the noise, known at the first step, and
        // at the second, half of it under as much other noise, x has a posterior variance of ½.
        assertThat(Math.min(loss, Math.abs(loss - 0.5))).isLessThan(0.08);
      }
      assertThat(Collections.max(losses)).isGreaterThan(0.4);
      assertThat(losses.subList(0, 3)).anyMatch(loss -> loss < 0.01);
      assertThat(weights(temp.resolve("a"))).isNotEqualTo(weights(tiny));

      Distillation stopped = OwnMethod.run(teacher, recipe, PROMPTS, temp.resolve("parts"));
      stopped.onUpdate(
          u -> {
            if (u.number() == 5) {
              stopped.stop();
            }
          });
      assertThat(stopped.start().finished()).isFalse();
      List<Long> numbers = new ArrayList<>();
      Distillation.Result result =
          OwnMethod.run(teacher, recipe, PROMPTS, temp.resolve("parts"))
              .onUpdate(u -> numbers.add(u.number()))
              .start();
      assertThat(result.finished()).isTrue();
      assertThat(numbers.get(0)).isEqualTo(6);
      result.student().save(temp.resolve("b"));
      assertThat(weights(temp.resolve("b"))).isEqualTo(weights(temp.resolve("a")));
    }
  }

  /** The same file as two processes, stopped and gone on with: the bits of the straight run. */
  @Test
  void anOwnMethodRunsOnTwoProcesses() throws Exception {
    twoProcesses("straight", 12);
    twoProcesses("parts", 5);
    twoProcesses("parts", 12);
    assertThat(weights(temp.resolve("parts-student")))
        .isEqualTo(weights(temp.resolve("straight-student")))
        .isNotEqualTo(weights(tiny));
    assertThat(weights(temp.resolve("parts-student-of-another-rank")))
        .isEqualTo(weights(temp.resolve("parts-student")));
  }

  private void twoProcesses(String name, int last) throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    List<Process> ranks = new ArrayList<>();
    for (int rank = 0; rank < 2; rank++) {
      ProcessBuilder builder =
          new ProcessBuilder(
              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
              "-Xmx1g",
              "-XX:TieredStopAtLevel=1",
              "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
              "-Dorg.bytedeco.javacpp.maxBytes=0",
              "-Dorg.bytedeco.javacpp.noPointerGC=true",
              "--add-modules=jdk.incubator.vector",
              "-cp",
              System.getProperty("java.class.path"),
              OwnMethodChild.class.getName(),
              tiny.toString(),
              temp.resolve(name).toString(),
              temp.resolve(name + "-student").toString(),
              Integer.toString(last));
      builder
          .environment()
          .putAll(
              Map.of(
                  "RANK",
                  Integer.toString(rank),
                  "LOCAL_RANK",
                  Integer.toString(rank),
                  "WORLD_SIZE",
                  "2",
                  "MASTER_ADDR",
                  "127.0.0.1",
                  "MASTER_PORT",
                  Integer.toString(port),
                  "OMP_NUM_THREADS",
                  "1"));
      Path output = temp.resolve(name + "-" + rank + ".txt");
      ranks.add(builder.redirectErrorStream(true).redirectOutput(output.toFile()).start());
    }
    for (int rank = 0; rank < 2; rank++) {
      int code = ranks.get(rank).waitFor();
      assertThat(code).as(Files.readString(temp.resolve(name + "-" + rank + ".txt"))).isZero();
    }
  }

  @Test
  void mistakesAreOneSentenceAndLeaveNothingBehind() {
    Path run = temp.resolve("run");
    try (Teacher teacher = Peltast.open(tiny)) {
      Recipe recipe = small(Recipes.decoupledDmd());
      Distiller distiller = Distiller.of(teacher).recipe(recipe);
      assertThatThrownBy(() -> distiller.prompts(List.of("a cat", " ")).into(run).start())
          .isInstanceOf(DataException.class)
          .hasMessage("Prompt 2 of the given prompts has an empty prompt; fill it or remove it.");
      assertThatThrownBy(
              () -> distiller.recipe(small(Recipes.lcm())).prompts(PROMPTS).into(run).start())
          .isInstanceOf(RunException.class)
          .hasMessageContaining("this method learns from captioned images");
      assertThat(run).doesNotExist();
      assertThatThrownBy(() -> recipe.set("student.learningrate", 1))
          .isInstanceOf(RunException.class)
          .hasMessageContaining("did you mean 'student.learningRate'?");
      assertThatThrownBy(() -> distiller.method(OwnMethod::new).into(run))
          .hasMessageContaining("Recipes.custom");
      assertThatThrownBy(() -> distiller.recipe(Recipes.custom("mine")).into(run))
          .hasMessageContaining("Distiller.method");

      Distillation begun = distiller.prompts(PROMPTS).into(run);
      begun
          .onUpdate(
              u -> {
                begun.stop();
                assertThatThrownBy(() -> u.metric("varience"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("variance");
              })
          .start();
      assertThatThrownBy(() -> distiller.prompts(List.of("a dog")).into(run).start())
          .isInstanceOf(RunException.class)
          .hasMessageContaining("holds a run with other prompts");
      assertThatThrownBy(
              () -> distiller.recipe(recipe.guidance(5)).prompts(PROMPTS).into(run).start())
          .isInstanceOf(RunException.class)
          .hasMessageContaining("it says 'alpha: 3.0', not 'alpha: 5.0'");
    }
  }

  /** Kernels that cannot run cost speed alone, so an embedder's JVM without flags works. */
  @Test
  void withoutTheFlagsEverythingWorksAndAWarningNamesThem() throws Exception {
    Path output = temp.resolve("output.txt");
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-cp",
                System.getProperty("java.class.path"),
                DistilChild.class.getName(),
                tiny.toString(),
                temp.toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(child.waitFor()).as(Files.readString(output)).isZero();
    assertThat(Files.readString(output))
        .contains("without --add-modules jdk.incubator.vector")
        .contains("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0")
        .contains("-Dorg.bytedeco.javacpp.noPointerGC=true")
        .doesNotContain("Exception", "Error");
    assertThat(temp.resolve("student").resolve("model_index.json")).exists();
  }
}
