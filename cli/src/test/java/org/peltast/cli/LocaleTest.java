package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.peltast.runs.Checksums;
import org.peltast.runs.Provenance;

/**
 * Every file and every line is the same under every locale: other digits, a comma for the decimal
 * point, a dotless i, no character beyond ASCII.
 */
class LocaleTest {
  private static final int UPDATES = 8;
  private static final List<String> ROOT = List.of("-Duser.language=", "-Duser.country=");

  @TempDir static Path folder;

  private static Work root = new Work(Map.of(), Map.of(), Map.of(), List.of(), Map.of(), "");

  /** What the commands wrote and said: checksums by path, figures, inputs' checksums, texts. */
  private record Work(
      Map<String, String> teacher,
      Map<String, String> student,
      Map<String, String> cache,
      List<Map<String, Object>> figures,
      Map<String, String> inputs,
      String said) {}

  @BeforeAll
  static void workUnderNoLocale() throws Exception {
    root = work("root", ROOT, Map.of(), false);
    assertThat(root.figures()).hasSize(UPDATES);
    assertThat(root.inputs()).isNotEmpty();
    assertThat(root.student().keySet()).contains("checkpoints/%06d/manifest.json".formatted(8));
  }

  static List<Arguments> locales() {
    return List.of(
        Arguments.of("ar-EG", List.of("-Duser.language=ar", "-Duser.country=EG"), Map.of()),
        Arguments.of("tr-TR", List.of("-Duser.language=tr", "-Duser.country=TR"), Map.of()),
        Arguments.of(
            "th-TH-u-nu-thai",
            List.of("-Duser.language=th", "-Duser.country=TH", "-Duser.extensions=u-nu-thai"),
            Map.of()),
        Arguments.of("POSIX", List.of(), Map.of("LC_ALL", "POSIX")));
  }

  /** Trains, distils, is killed, goes on, draws and lists: all as under no locale. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("locales")
  void everythingIsAsUnderNoLocale(String name, List<String> flags, Map<String, String> environment)
      throws Exception {
    Work work = work(name, flags, environment, true);
    assertThat(work.teacher()).isEqualTo(root.teacher());
    assertThat(work.student()).isEqualTo(root.student());
    assertThat(work.cache()).isEqualTo(root.cache());
    assertThat(work.figures()).isEqualTo(root.figures());
    assertThat(work.inputs()).isEqualTo(root.inputs());
    assertThat(work.said()).isEqualTo(root.said());
  }

  private static Work work(
      String name, List<String> flags, Map<String, String> environment, boolean killed)
      throws Exception {
    Path here = Files.createDirectories(folder.resolve(name));
    Child child = new Child(here).with(flags, environment);
    Path teacher = here.resolve("teacher");
    run(child, child.tinyTeacher(teacher, "data.limit=6"));

    // From one teacher, as a model's folder says when it was made.
    Path source = folder.resolve("root/teacher/teacher");
    Path run = here.resolve("run");
    String[] distill =
        Child.sets(
            List.of("distill", "--teacher", source.toString(), "--out", run.toString()),
            "data.images=emoji",
            "data.size=16",
            "data.limit=6",
            "precision=float32",
            "run.batch=4",
            "run.updates=" + UPDATES,
            "run.looksEvery=4",
            "run.checkpointEvery=0s");
    if (killed) {
      kill(child, distill, run);
    } else {
      run(child, distill);
    }

    Path picture = here.resolve("picture.png");
    run(child, "generate", "--model", run + "/student", "--prompt", "a cat", "--out", "" + picture);
    StringBuilder said = new StringBuilder();
    for (Path recipe : List.of(teacher.resolve("recipe.yaml"), run.resolve("recipe.yaml"))) {
      said.append(Files.readString(recipe));
    }
    run(child, "inspect", run + "/student");
    said.append(child.said());
    run(child, "recipes", "one-step");
    said.append(child.said());

    Map<String, String> student = Runs.results(run);
    student.put("picture.png", pixels(picture));
    return new Work(
        Runs.results(teacher),
        student,
        Runs.files(here.resolve("cache")),
        Runs.figures(run),
        Provenance.fromJson(Files.readString(run.resolve("provenance.json"))).inputs(),
        plain(here, said.toString()));
  }

  /** The checksum of a picture's pixels: its texts say when the model's run began. */
  private static String pixels(Path picture) throws IOException {
    BufferedImage read = ImageIO.read(picture.toFile());
    int[] rgb = read.getRGB(0, 0, read.getWidth(), read.getHeight(), null, 0, read.getWidth());
    ByteBuffer bytes = ByteBuffer.allocate(rgb.length * Integer.BYTES);
    bytes.asIntBuffer().put(rgb);
    return Checksums.sha256(bytes.array());
  }

  /**
   * Kills the command after its first checkpoint, and goes on: the first update is logged with the
   * seconds that it took, so its line shows that it was not made again.
   */
  private static void kill(Child child, String[] typed, Path run) throws Exception {
    Process process = child.start(child.command(typed));
    Child.await(process, () -> Files.exists(run.resolve("checkpoints/000001")));
    assertThat(process.isAlive()).as(child.said()).isTrue();
    process.destroyForcibly().waitFor();
    String first = Files.readAllLines(run.resolve("metrics.jsonl")).get(0);
    assertThat(first).contains("seconds");
    run(child, typed);
    assertThat(Files.readAllLines(run.resolve("metrics.jsonl")).get(0)).isEqualTo(first);
  }

  private static void run(Child child, String... typed) throws Exception {
    assertThat(child.run(typed)).as(child.said()).isZero();
  }

  /** Without the names of the folders, and with what ASCII cannot say as it says it. */
  private static String plain(Path here, String text) {
    return text.replace(here.toString(), "")
        .replace(folder.resolve("root").toString(), "")
        .replaceAll("[^\\x00-\\x7f]", "?");
  }
}
