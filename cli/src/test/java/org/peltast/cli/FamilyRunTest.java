package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.peltast.models.NetworkRecipe;
import org.peltast.models.lumina2.Lumina2Recipe;
import org.peltast.models.zimage.ZImageRecipe;
import org.peltast.report.PngText;
import org.peltast.runs.MetricsLog;
import org.peltast.testing.TinyModel;

/**
 * The recipes of the paper's families with their own numbers, on tiny random teachers of their
 * classes: from prompts alone to a student that draws.
 */
class FamilyRunTest {
  @TempDir Path folder;

  static Stream<Arguments> families() {
    List<Integer> dims = List.of(4, 2, 2);
    List<Integer> lens = List.of(160, 16, 16);
    return Stream.of(
        Arguments.of(
            "lumina2", new Lumina2Recipe("pixels", 4, 16, 1, 1, 2, 1, dims, lens, 6), 4, 6.0),
        // The published teacher has shift 6, the recipe 3.
        Arguments.of("z-image", new ZImageRecipe("pixels", 4, 16, 1, 1, 2, dims, lens, 6), 8, 3.0));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("families")
  void itsRecipeMakesAStudentOfPromptsAlone(
      String name, NetworkRecipe teacher, int steps, double shift) throws Exception {
    Path model = folder.resolve("teacher");
    TinyModel.write(model, teacher, 16, 24);
    Path prompts =
        Files.writeString(folder.resolve("prompts.txt"), "a plain square\na wide field\n");
    Path run = folder.resolve("run");
    Child child = new Child(folder);
    int code =
        child.run(
            Child.sets(
                List.of(
                    "distill",
                    "--recipe",
                    name,
                    "--teacher",
                    model.toString(),
                    "--out",
                    run.toString()),
                "data.images=" + prompts,
                "precision=float32",
                "run.updates=2",
                "run.batch=2",
                "run.microBatches=1",
                "run.looksEvery=0"));
    assertThat(code).as(child.said()).isZero();
    assertThat(MetricsLog.read(run.resolve("metrics.jsonl"))).hasSize(2);
    Path student = run.resolve("student");
    assertThat(Files.readString(student.resolve("scheduler/scheduler_config.json")))
        .contains("\"shift\" : " + shift, "\"use_dynamic_shifting\" : false");
    assertThat(Files.readString(student.resolve("peltast.json")))
        .contains("\"steps\" : " + steps, "\"guidance\" : 1.0", "\"renoise\"");

    Path picture = folder.resolve("picture.png");
    code =
        child.run(
            "generate",
            "--model",
            student.toString(),
            "--prompt",
            "a wide field",
            "--seed",
            "5",
            "--size",
            "32x16",
            "--scale",
            "1",
            "--out",
            picture.toString());
    assertThat(code).as(child.said()).isZero();
    BufferedImage drawn = ImageIO.read(picture.toFile());
    assertThat(drawn.getWidth() - drawn.getHeight()).isEqualTo(32 - 16); // and a margin each
    Map<String, String> texts = PngText.read(picture);
    assertThat(texts)
        .containsEntry("prompt", "a wide field")
        .containsEntry("seed", "5")
        .containsEntry("size", "32 x 16")
        .containsEntry("steps", "" + steps)
        .containsEntry("guidance", "1.0")
        .containsEntry("sampler", "renoise");
    assertThat(texts.get("model.run")).contains("prompts.txt");
    assertThat(texts.get("model.recipe"))
        .isEqualTo(Files.readString(run.resolve("recipe.yaml")))
        .contains("shift: " + shift);
    assertThat(child.run("inspect", picture.toString())).isZero();
    assertThat(child.said()).contains("prompt: a wide field", "seed: 5", "steps: " + steps);
  }
}
