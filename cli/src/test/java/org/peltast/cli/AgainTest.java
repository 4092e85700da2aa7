package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.testing.TinyModel;

/** The same command again, after something has happened to what it reads or has written. */
class AgainTest {
  @TempDir Path folder;

  private interface Damage {
    void to(Path checkpoint) throws IOException;
  }

  @Test
  void aDamagedNewestCheckpointIsNamedAndTheOneBeforeLeadsToTheSameBits() throws Exception {
    Child child = new Child(folder);
    Path teacher = folder.resolve("teacher");
    TinyModel.write(teacher);
    Path sound = folder.resolve("sound");
    assertThat(child.run(distill(child, sound))).as(child.said()).isZero();
    Map<String, String> results = Runs.results(sound);

    List<Damage> damages =
        List.of(
            newest -> Runs.flip(newest.resolve("student.safetensors"), 2000),
            newest -> Runs.cut(newest.resolve("fake.safetensors")),
            newest -> Files.delete(newest.resolve("student.safetensors")),
            newest -> Files.delete(newest.resolve("manifest.json")));
    for (int i = 0; i < damages.size(); i++) {
      Path run = folder.resolve("run-" + i);
      Runs.copy(sound, run);
      Runs.delete(run.resolve("student"));
      damages.get(i).to(run.resolve("checkpoints/000003"));
      assertThat(child.run(distill(child, run))).as(child.said()).isZero();
      assertThat(child.said().lines().filter(line -> line.contains("damaged")))
          .as(child.said())
          .singleElement()
          .asString()
          .startsWith("Checkpoint " + run.resolve("checkpoints/000003") + " is damaged (")
          .endsWith("); falling back to the one before, 000002.");
      assertThat(Runs.results(run)).isEqualTo(results);
      assertThat(Runs.figures(run)).isEqualTo(Runs.figures(sound)).hasSize(3);
    }
  }

  @Test
  void aSecondProcessIsRefusedAndToldTheFirstOnesNumber() throws Exception {
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"));
    Path run = folder.resolve("run");
    String[] endless =
        child.tinyDistillation(
            folder.resolve("teacher"), run, "run.updates=100000", "run.looksEvery=0");
    Runs.requireSecondRefused(child, run, endless);
  }

  /** Other pictures or another teacher would be another run: its batches would differ. */
  @Test
  void aRunWhosePicturesOrTeacherHaveChangedIsRefusedUntilTheyAreBack() throws Exception {
    Child child = new Child(folder);
    Path teacher = folder.resolve("teacher");
    TinyModel.write(teacher);
    Path pictures = pictures();
    Path run = folder.resolve("run");
    String[] typed =
        child.tinyDistillation(
            teacher,
            run,
            "data.images=" + pictures,
            "data.size=16",
            "run.updates=2",
            "run.looksEvery=0");
    assertThat(child.run(typed)).as(child.said()).isZero();
    Map<String, String> before = Runs.files(run);
    Map<String, String> results = Runs.results(run);

    byte[] picture = Files.readAllBytes(pictures.resolve("p2.png"));
    draw(pictures.resolve("p2.png"), 9);
    requireRefused(child, typed, run, "images pictures/16x16");
    assertThat(Runs.files(run)).isEqualTo(before);
    Files.write(pictures.resolve("p2.png"), picture);
    Files.setLastModifiedTime(pictures.resolve("p2.png"), FileTime.fromMillis(0)); // as of a copy

    Path settings = teacher.resolve("peltast.json");
    String model = Files.readString(settings);
    Files.writeString(settings, model.replace("\"guidance\" : 3", "\"guidance\" : 4"));
    assertThat(Files.readString(settings)).isNotEqualTo(model);
    requireRefused(child, typed, run, "teacher");
    assertThat(Runs.files(run)).isEqualTo(before);
    Files.writeString(settings, model);

    Runs.delete(run.resolve("student"));
    Runs.delete(run.resolve("checkpoints/000002"));
    assertThat(child.run(typed)).as(child.said()).isZero();
    assertThat(Runs.results(run)).isEqualTo(results);
  }

  private static void requireRefused(Child child, String[] typed, Path run, String changed)
      throws Exception {
    assertThat(child.run(typed)).as(child.said()).isEqualTo(ExitCode.USAGE);
    assertThat(child.said().lines().filter(line -> line.startsWith("peltast: ")))
        .as(child.said())
        .containsExactly(
            "peltast: %s cannot go on: what it reads has changed since it began (%s); put back what was there, or choose another folder to begin anew."
                .formatted(run, changed));
    assertThat(child.said()).doesNotContain("Exception", "\tat ");
  }

  @Test
  void aCacheThatIsGoneOrDamagedIsMadeAnewAndOneThatCannotBeMadeIsOneSentence() throws Exception {
    Child child = new Child(folder);
    Path sound = folder.resolve("sound");
    Path pictures = pictures();
    String[] typed = train(child, sound, pictures);
    assertThat(child.run(typed)).as(child.said()).isZero();
    Map<String, String> results = Runs.results(sound);
    Path cache = folder.resolve("cache");
    List<Path> kept;
    try (Stream<Path> files = Files.walk(cache)) {
      kept = files.filter(Files::isRegularFile).filter(f -> f.toFile().length() > 0).toList();
    }
    // Pictures, latents, libraries.
    assertThat(kept).as("" + kept).hasSizeGreaterThanOrEqualTo(4);

    for (boolean cut : new boolean[] {true, false}) {
      if (cut) {
        for (Path file : kept) {
          Runs.cut(file);
        }
      } else {
        Runs.delete(cache);
      }
      Path run = folder.resolve("cut-" + cut);
      Runs.copy(sound, run);
      Runs.delete(run.resolve("teacher"));
      Runs.delete(run.resolve("checkpoints/000002"));
      assertThat(child.run(train(child, run, pictures))).as(child.said()).isZero();
      assertThat(Runs.results(run)).isEqualTo(results);
      assertThat(kept).allMatch(Files::exists);
    }

    Child other = child.withCache(folder.resolve("output.txt/cache"));
    Path none = folder.resolve("none");
    typed = train(other, none, pictures);
    assertThat(other.run(typed)).as(other.said()).isEqualTo(ExitCode.USAGE);
    assertThat(other.said())
        .startsWith("peltast: The cache file " + folder.resolve("output.txt/cache"))
        .contains("cannot be written or read", "or set PELTAST_CACHE to another folder.")
        .doesNotContain("Exception")
        .hasLineCount(1);
    assertThat(none).doesNotExist();
  }

  /** Java passes over such a jar in silence, and then misses what is in it. */
  @Test
  void aLibraryThatWasCutShortIsNamed() throws Exception {
    Child child = new Child(folder);
    for (String library :
        List.of("iconify__json", "onnxruntime", "pytorch-", "jackson-core", "picocli")) {
      Path half = folder.resolve("half-" + library + ".jar");
      String classPath =
          Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
              .map(entry -> cutIfNamed(entry, library, half))
              .collect(Collectors.joining(File.pathSeparator));
      assertThat(half).exists();
      Path run = folder.resolve("run");
      int code =
          Child.end(
              child.start(child.commandOf(classPath, child.tinyTeacher(run, "data.limit=6"))));
      assertThat(code).as(child.said()).isEqualTo(ExitCode.FAILED);
      assertThat(child.said())
          .contains(
              "peltast: the library %s is damaged, as after a download that was cut short; delete it and start again, which fetches it anew."
                  .formatted(half))
          .doesNotContain("Exception", "\tat ");
      assertThat(run).doesNotExist();
    }
  }

  private static String cutIfNamed(String entry, String library, Path half) {
    Path jar = Path.of(entry);
    if (!String.valueOf(jar.getFileName()).startsWith(library) || Files.exists(half)) {
      return entry;
    }
    try (var in = Files.newInputStream(jar)) {
      Files.write(half, in.readNBytes(100_000));
      return half.toString();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private String[] distill(Child child, Path out) throws IOException {
    return child.tinyDistillation(
        folder.resolve("teacher"), out, "run.updates=3", "run.looksEvery=0");
  }

  private static String[] train(Child child, Path out, Path pictures) {
    return child.tinyTeacher(
        out, "data.images=" + pictures, "run.looksEvery=0", "run.checkpointEvery=0s");
  }

  private Path pictures() throws IOException {
    Path pictures = Files.createDirectory(folder.resolve("pictures"));
    for (int i = 0; i < 4; i++) {
      draw(pictures.resolve("p" + i + ".png"), i);
      Files.writeString(pictures.resolve("p" + i + ".txt"), "a square, number " + i);
    }
    return pictures;
  }

  private static void draw(Path file, int number) throws IOException {
    BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 16 * 16; i++) {
      image.setRGB(i % 16, i / 16, Color.HSBtoRGB(number / 10f, i / 256f, 0.8f));
    }
    ImageIO.write(image, "png", file.toFile());
  }
}
