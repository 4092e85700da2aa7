package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.report.PngText;
import org.peltast.tensor.Scope;
import org.peltast.tensor.TensorFiles;

/**
 * A newcomer's ten minutes with a downloaded folder of each family: a picture, a student, a LoRA,
 * by one command each that names model and output alone. The run is made shorter by flags here.
 */
class NewcomerTest {
  private static final String[] SHORT = {
    "precision=float32", "run.updates=2", "run.batch=2", "run.looksEvery=0"
  };

  @TempDir Path folder;
  private Path model;
  private Child child;

  @BeforeEach
  void prepare() {
    model = folder.resolve("models").resolve("downloaded");
    child = new Child(folder);
  }

  private static Typed typed(String... words) {
    Typed typed = Typed.in(words);
    assertThat(typed.code()).as(typed.err()).isZero();
    return typed;
  }

  private float[] drawn(String... more) {
    Path out = folder.resolve("drawn.safetensors");
    typed(
        Stream.concat(
                Stream.of(
                    "generate",
                    "--prompt",
                    "a boat",
                    "--out",
                    out + "",
                    "--steps",
                    "4",
                    "--guidance",
                    "1",
                    "--sampler",
                    "renoise"),
                Stream.of(more))
            .toArray(String[]::new));
    try (Scope s = Scope.open()) {
      return TensorFiles.read(out).get("image").toFloats();
    }
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs(a[i] - b[i]);
    }
    return sum / a.length;
  }

  @ParameterizedTest
  @CsvSource({
    "z-image, true, with the prompts of, 64 x 64",
    "lumina2, false, with general prompts, 64 x 64",
    "sdxl, true, with the prompts of, 48 x 40"
  })
  void oneCommandEach(String family, boolean prompts, String said, String size) throws Exception {
    DownloadedFolder.write(family, model);
    if (prompts) {
      Files.writeString(model.resolveSibling("prompts.txt"), "a red boat\na blue owl\n");
    }
    Path picture = folder.resolve("a.png");
    Typed first = typed("generate", "--model", model + "", "--out", picture + "");
    assertThat(first.err())
        .contains("Nobody said what to draw: \"", ", 100 network evaluations each");
    assertThat(PngText.read(picture)).containsEntry("size", size);
    if (prompts) {
      assertThat(PngText.read(picture)).containsEntry("prompt", "a red boat");
    }

    Path run = folder.resolve("run");
    String[] distill =
        Child.sets(List.of("distill", "--teacher", model + "", "--out", run + ""), SHORT);
    assertThat(child.run(distill)).as(child.said()).isZero();
    assertThat(child.said())
        .contains("Recipe " + family + "-small, for a small teacher of the family " + family)
        .contains(said);
    assertThat(Files.readString(run.resolve("recipe.yaml")))
        .contains("steps: 4", prompts ? "prompts.txt" : "images: general");
    Path student = run.resolve("student");
    assertThat(Files.readString(student.resolve("peltast.json")))
        .contains("\"steps\" : 4", "\"guidance\" : 1.0");

    // The same command on the same folder goes on, and chooses nothing anew.
    assertThat(child.run(distill)).as(child.said()).isZero();
    assertThat(child.said()).doesNotContain("Recipe ");

    Path second = folder.resolve("b.png");
    typed("generate", "--model", student + "", "--out", second + "");
    assertThat(PngText.read(second)).containsEntry("steps", "4").containsEntry("guidance", "1.0");

    Path lora = folder.resolve("student-lora.safetensors");
    Typed extracted = typed("lora", "extract", run + "", "--out", lora + "");
    assertThat(extracted.err()).contains("a LoRA of rank", "of the squared change of the weights");
    String component = family.equals("sdxl") ? "unet." : "transformer.";
    assertThat(TensorFiles.metadata(lora)).containsEntry("peltast.steps", "4");
    Path as = folder.resolve("as"); // the teacher under its student's schedule
    Runs.copy(model, as);
    Runs.delete(as.resolve("scheduler"));
    Runs.copy(student.resolve("scheduler"), as.resolve("scheduler"));
    try (Scope s = Scope.open()) {
      assertThat(TensorFiles.read(lora).keySet()).allMatch(key -> key.startsWith(component));
    }
    String[] withTeacher = {"--model", as + ""};
    String[] withLora = {"--model", as + "", "--lora", lora + ""};
    float[] wanted = drawn("--model", student + "");
    assertThat(distance(drawn(withLora), wanted))
        .isLessThan(0.5 * distance(drawn(withTeacher), wanted));
  }

  @Test
  void aStudentThatIsALoraGivesIt() throws Exception {
    DownloadedFolder.write("z-image", model);
    Path run = folder.resolve("run");
    String[] distill =
        Child.sets(
            List.of("distill", "--teacher", model + "", "--out", run + "", "--set", "lora.rank=2"),
            SHORT);
    assertThat(child.run(distill)).as(child.said()).isZero();
    Path lora = folder.resolve("lora.safetensors");
    assertThat(typed("lora", "extract", run + "", "--out", lora + "").err())
        .contains("that the student was trained as");
    try (Scope s = Scope.open()) {
      assertThat(TensorFiles.read(lora).keySet())
          .isEqualTo(
              TensorFiles.read(run.resolve("student/pytorch_lora_weights.safetensors")).keySet());
    }
  }

  @Test
  void whatIsLargerThanTheMachineIsRefusedAtOnce() throws Exception {
    assumeTrue(
        ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean machine
            && machine.getTotalMemorySize() < 300L << 30);
    Path published = Path.of("..", "plan", "src", "test", "resources", "published", "z-image");
    Path out = folder.resolve("out");
    assertThat(child.run("distill", "--teacher", published + "", "--out", out + ""))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said())
        .contains("Recipe z-image, for a full-size teacher of the family z-image (6.15 billion")
        .contains("a LoRA (--set lora.rank=64) holds")
        .contains("`peltast plan z-image --teacher " + published + "`")
        .hasLineCount(2);
    assertThat(out).doesNotExist();
  }

  @Test
  void mistakesOfExtractAreOneSentence() throws Exception {
    DownloadedFolder.write("z-image", model);
    Path out = folder.resolve("lora.safetensors");
    Typed typed = Typed.in("lora", "extract", model + "", "--out", out + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err())
        .contains("does not say what its teacher was; name the teacher with --teacher")
        .hasLineCount(1);
    typed = Typed.in("lora", "extract", model + "", "--teacher", model + "", "--out", out + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err()).contains("there is no LoRA in it").hasLineCount(1);
    typed = Typed.in("lora", "extract", model + "", "--rank", "0", "--out", out + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err().toLowerCase(Locale.ROOT)).contains("--rank must be from 1 to 4096");
    typed = Typed.in("lora", "extract", folder.resolve("no") + "", "--out", out + "");
    assertThat(typed.code()).isEqualTo(ExitCode.USAGE);
    assertThat(typed.err()).contains("does not exist").hasLineCount(1);
    assertThat(out).doesNotExist();
  }
}
