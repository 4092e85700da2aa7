package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.Color;
import java.awt.Graphics;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.MetricsLog;

/** A user's own pictures and prompts, through the commands. */
class OwnDataTest {
  @TempDir Path folder;

  @Test
  void aTeacherLearnsFromAnyFolderAndIsDistilledOnAnyPrompts() throws Exception {
    Path pictures = folder.resolve("pictures");
    for (int i = 0; i < 5; i++) {
      draw(pictures, "square" + i, 20, 20, "a plain square, number " + i);
      draw(pictures, "wide" + i, 40, 20, "a wide field, number " + i);
    }
    Files.writeString(pictures.resolve("torn.png"), "no picture");
    Files.writeString(pictures.resolve("torn.txt"), "a caption without a picture");
    Child child = new Child(folder);

    Path teacher = folder.resolve("teacher");
    int code =
        child.run(
            child.tinyTeacher(
                teacher,
                "data.images=" + pictures,
                "data.fit=buckets",
                "run.updates=3",
                "run.looksEvery=3"));
    assertThat(code).as(child.said()).isZero();
    assertThat(child.said())
        .contains("1 of 11 pictures cannot be used and are left out:", "torn.png")
        .doesNotContain("square0");
    assertThat(Files.readString(teacher.resolve("provenance.json"))).contains("images pictures/");
    assertThat(teacher.resolve("samples/0000003.png")).exists();
    assertThat(teacher.resolve("teacher/model_index.json")).exists();

    Path prompts = folder.resolve("prompts.txt");
    Files.writeString(prompts, "a plain square\na wide field\n\nsomething else\n");
    Path student = folder.resolve("student");
    code = child.run(distill(teacher, student, prompts));
    assertThat(code).as(child.said()).isZero();
    assertThat(student.resolve("student/model_index.json")).exists();
    assertThat(MetricsLog.read(student.resolve("metrics.jsonl"))).hasSize(2);
    assertThat(Files.readString(student.resolve("provenance.json"))).contains("prompts.txt");
    // Averaged, raw, the teacher with and without guidance, the fake: three prompts each.
    BufferedImage look = ImageIO.read(student.resolve("samples/0000002.png").toFile());
    assertThat(look.getHeight() / (look.getWidth() / 3)).isEqualTo(5 + 1);
    assertThat(student.resolve("samples/0000001.png")).exists();
    assertThat(Files.readString(student.resolve("samples/prompts.txt")))
        .isEqualTo("a plain square\na wide field\nsomething else\n");
  }

  @Test
  void dataThatIsNotThereIsOneSentenceAndLeavesNothing() throws Exception {
    Path prompts = folder.resolve("prompts.txt");
    Files.writeString(prompts, "a plain square\n");
    Child child = new Child(folder);
    Path out = folder.resolve("out");
    assertThat(child.run(child.tinyTeacher(out, "data.images=" + prompts)))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("a list of prompts, but pictures are needed").hasLineCount(1);
    assertThat(child.run(child.tinyTeacher(out, "data.images=no/such/folder")))
        .isEqualTo(ExitCode.USAGE);
    assertThat(child.said()).contains("'no/such/folder', which is not there").hasLineCount(1);
    assertThat(out).doesNotExist();
  }

  private static String[] distill(Path teacher, Path out, Path prompts) {
    return Child.sets(
        List.of("distill", "--teacher", teacher.resolve("teacher") + "", "--out", out.toString()),
        "data.images=" + prompts,
        "precision=float32",
        "run.updates=2",
        "run.looksEvery=1",
        "run.batch=4");
  }

  private static void draw(Path folder, String name, int width, int height, String caption)
      throws IOException {
    Files.createDirectories(folder);
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics graphics = image.getGraphics();
    graphics.setColor(Color.getHSBColor(name.hashCode() % 100 / 100f, 0.7f, 0.9f));
    graphics.fillRect(3, 3, width - 6, height - 6);
    ImageIO.write(image, "png", folder.resolve(name + ".png").toFile());
    Files.writeString(folder.resolve(name + ".txt"), caption + "\n");
  }
}
