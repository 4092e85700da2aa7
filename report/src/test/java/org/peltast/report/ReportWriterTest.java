package org.peltast.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.report.ReportData.Better;
import org.peltast.report.ReportData.Chart;
import org.peltast.report.ReportData.Column;
import org.peltast.report.ReportData.Estimate;
import org.peltast.report.ReportData.Facts;
import org.peltast.report.ReportData.Gallery;
import org.peltast.report.ReportData.Headline;
import org.peltast.report.ReportData.Moment;
import org.peltast.report.ReportData.Point;
import org.peltast.report.ReportData.Prompt;
import org.peltast.report.ReportData.Row;
import org.peltast.report.ReportData.Series;
import org.peltast.report.ReportData.Source;
import org.peltast.report.ReportData.Story;
import org.peltast.report.ReportData.Strand;
import org.peltast.report.ReportData.Table;
import org.peltast.report.ReportData.Tone;
import org.peltast.report.ReportData.Variety;

class ReportWriterTest {
  @TempDir Path folder;

  @Test
  void holdsEverythingAndAsksNobodyForAnything() throws Exception {
    String keep = System.getProperty("peltast.test.report"); // a place to look at it
    Path file = keep == null ? folder.resolve("report.html") : Path.of(keep);
    ReportWriter.write(example(), file);

    String page = Files.readString(file);
    assertThat(page)
        .contains("<h1>Peltast, distilled</h1>", "×41", "a red apple, noto style", "0.184");
    assertThat(page)
        .as("nothing from elsewhere")
        .doesNotContainPattern("(src|href)=\"(?!data:)")
        .doesNotContain("@import", "url(", "import(", "fetch(", "XMLHttpRequest")
        .contains("default-src 'none'; img-src data:;")
        .contains("<dialog class=\"large\"", "Seed 7.", "type=\"range\"", "peltast demo --steps 1");
    assertThat(page.split("<script", -1)).as("one script, its own").hasSize(2);
    try (var left = Files.list(file.toAbsolutePath().getParent())) {
      assertThat(left.filter(p -> p.getFileName().toString().endsWith(".draft"))).isEmpty();
    }
  }

  @Test
  void everyPictureDecodesToItsPixels() throws Exception {
    ReportData data = example();
    Matcher pictures =
        Pattern.compile("data:image/png;base64,([A-Za-z0-9+/=]+)").matcher(ReportWriter.html(data));
    List<BufferedImage> found = new ArrayList<>();
    while (pictures.find()) {
      byte[] png = Base64.getDecoder().decode(pictures.group(1));
      found.add(ImageIO.read(new ByteArrayInputStream(png)));
    }
    assertThat(found).hasSize(12 * 4 + 2 * 3 + 2 * 8 * 2);
    BufferedImage first = data.gallery().prompts().get(0).pictures().get(0);
    assertThat(found.get(0).getRGB(20, 30)).isEqualTo(first.getRGB(20, 30));
  }

  @Test
  void drawingsAreWellFormed() throws Exception {
    Matcher drawings =
        Pattern.compile("<svg viewBox=\"0 0 .*?</svg>(?:</svg>)?(?=<ul|</figure>)", Pattern.DOTALL)
            .matcher(ReportWriter.html(example()));
    int count = 0;
    while (drawings.find()) {
      DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new ByteArrayInputStream(drawings.group().getBytes(StandardCharsets.UTF_8)));
      count++;
    }
    assertThat(count).isEqualTo(2 + 1 + 4);
  }

  @Test
  void textIsNeverMarkup() {
    ReportData data =
        new ReportData(
            "<b>&\"",
            "<script>alert(1)</script>",
            List.of(),
            new Gallery(
                1,
                List.of(new Source("<i>", "", Tone.REAL)),
                List.of(new Prompt("\"><img>", List.of(picture(1, 0))))),
            new Variety(
                1,
                List.of(new Source("<i>", "", Tone.REAL)),
                List.of(new Prompt("\"><img>", List.of(picture(1, 0))))),
            null,
            null,
            List.of(),
            List.of(new Facts("f", Map.of("<k>", "<v>"))),
            "a: <b>",
            List.of(new ReportData.Next("<u>", "<s>")));
    assertThat(ReportWriter.html(data))
        .doesNotContain("<script>alert", "<b>&\"", "<u>", "<s>", "<k>", "<v>", "\"><img>", "a: <b>")
        .contains("&lt;b&gt;&amp;&quot;");
  }

  @Test
  void severalPicturesOfAPromptStandInARowForEachSource() {
    String html = ReportWriter.html(example());
    assertThat(html)
        .contains("One prompt, other noise", "alt=\"a blue circle, teacher, picture 1\"")
        .contains("alt=\"a blue circle, student, picture 3\"");
    assertThatThrownBy(
            () ->
                new Variety(
                    2,
                    List.of(new Source("teacher", "", Tone.TEACHER)),
                    List.of(new Prompt("a dot", List.of(picture(1, 0))))))
        .hasMessage("'a dot' has 1 pictures for 2 samples of 1 sources");
  }

  @Test
  void leavesOutWhatIsNotThere() {
    ReportData data =
        new ReportData(
            "t", "l", List.of(), null, null, null, null, List.of(), List.of(), "", List.of());
    assertThat(ReportWriter.html(data)).doesNotContain("<script", "<section", "<h2", "<figure");
  }

  @Test
  void refusesRowsThatDoNotFillTheirTable() {
    Column column = new Column("Fréchet", "", Better.LOWER, 3, null, false);
    Row row = new Row("student", "", Tone.STUDENT, List.of());
    assertThatThrownBy(() -> new Table("", List.of(column), List.of(row), List.of()))
        .hasMessageContaining("student")
        .hasMessageContaining("0 cells for 1 columns");
    assertThatThrownBy(
            () ->
                new Gallery(
                    1,
                    List.of(new Source("a", "", Tone.REAL)),
                    List.of(new Prompt("p", List.of()))))
        .hasMessageContaining("0 pictures for 1 sources");
  }

  @Test
  void chartsSurviveWildValues() {
    List<Point> points =
        List.of(
            new Point(1, Double.NaN),
            new Point(2, Double.POSITIVE_INFINITY),
            new Point(3, 0),
            new Point(4, 1e30));
    for (boolean logarithmic : new boolean[] {false, true}) {
      String svg =
          LineChart.svg(
              new Chart("t", "", logarithmic, List.of(new Series("s", Tone.SPEAR, points, false))));
      assertThat(svg).doesNotContain("NaN", "Infinity");
    }
    assertThat(LineChart.svg(new Chart("none", "", true, List.of()))).startsWith("<svg");
    assertThat(
            LineChart.svg(
                new Chart(
                    "constant",
                    "",
                    false,
                    List.of(
                        new Series(
                            "s", Tone.SPEAR, List.of(new Point(0, 0), new Point(9, 0)), false)))))
        .doesNotContain("NaN");
  }

  @Test
  void ticksAreRound() {
    assertThat(Ticks.round(0, 1, 5)).containsExactly(0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0);
    assertThat(Ticks.round(3, 417, 5)).containsExactly(100.0, 200.0, 300.0, 400.0);
    assertThat(LineChart.label(0.6000000000000001)).isEqualTo("0.6");
    assertThat(LineChart.label(1200)).isEqualTo("1200");
    assertThat(LineChart.label(3.2e-7)).isEqualTo("3.2e-7");
  }

  private static ReportData example() {
    List<String> prompts =
        List.of(
            "a red apple, noto style",
            "a smiling face with sunglasses, twemoji style",
            "a sailboat on calm water, fluent flat style",
            "a fox, openmoji style",
            "a slice of pizza, noto style",
            "a potted plant, emoji-one style",
            "a rocket, fluent flat style",
            "a violin, twemoji style",
            "a snowman, noto style",
            "a bowl of noodles with chopsticks, openmoji style",
            "a lighthouse at night, fluent flat style",
            "an owl, twemoji style");
    List<Prompt> rows =
        IntStream.range(0, prompts.size())
            .mapToObj(
                i ->
                    new Prompt(
                        prompts.get(i),
                        IntStream.range(0, 4)
                            .mapToObj(s -> picture(i, new double[] {.05, .5, .1, 0}[s]))
                            .toList()))
            .toList();
    List<Row> table =
        List.of(
            row("teacher", "50 steps, guided", Tone.TEACHER, 50, 100, .171, .301, .88, 1.1),
            row("teacher, same cost", "4 Euler steps", Tone.NEUTRAL, 4, 4, .604, .212, .53, 42),
            row("teacher, same steps", "4 guided steps", Tone.NEUTRAL, 4, 8, .249, .291, .84, 22),
            row("student", "4 steps", Tone.STUDENT, 4, 4, .184, .298, .87, 45),
            row("real", "held-out pictures", Tone.REAL, 0, 0, .062, .311, .93, Double.NaN));
    return new ReportData(
        "Peltast, distilled",
        "A 50-step, guided text-to-image diffusion model became a generator of 4 steps in five minutes on two cores, by Decoupled DMD.",
        List.of(
            new Headline("4", "network evaluations an image", "the teacher takes 100"),
            new Headline("×41", "faster denoising", "1.1 images a second became 45"),
            new Headline("1.08", "× the teacher's Fréchet distance", "bar: at most 1.15"),
            new Headline("0.99", "× the teacher's alignment", "bar: at least 0.95")),
        new Gallery(
            7,
            List.of(
                new Source("teacher", "50 guided steps, 100 evaluations", Tone.TEACHER),
                new Source("same cost", "the teacher's best at 4 evaluations", Tone.NEUTRAL),
                new Source("student", "4 steps, 4 evaluations", Tone.STUDENT),
                new Source("real", "the held-out picture", Tone.REAL)),
            rows),
        new Variety(
            3,
            List.of(
                new Source("teacher", "", Tone.TEACHER), new Source("student", "", Tone.STUDENT)),
            List.of(
                new Prompt(
                    "a blue circle", IntStream.range(0, 6).mapToObj(i -> picture(i, 0)).toList()))),
        new Table(
            "256 held-out prompts, the same for all, with the same noise.",
            List.of(
                new Column("Steps", "", Better.NEITHER, 0, null, false),
                new Column("Evaluations", "", Better.NEITHER, 0, null, false),
                new Column("Fréchet (emoji judge)", "", Better.LOWER, 3, .062, true),
                new Column("Alignment", "", Better.HIGHER, 3, null, true),
                new Column("Family accuracy", "%", Better.HIGHER, 1, null, false),
                new Column("Images a second", "", Better.HIGHER, 1, null, false)),
            table,
            List.of(
                "Intervals are 95 %, by bootstrap over prompts.",
                "Fréchet is over the features of this project's own judge; it is not FID.")),
        new Story(
            "The same start, distilled twice. The spear alone makes pictures bolder until they fall apart; the shield holds them together.",
            List.of(
                strand("The spear alone", Tone.SPEAR, 1),
                strand("Spear and shield", Tone.SHIELD, 0.06)),
            chart(
                "Variance of the generator's images",
                true,
                new Tone[] {Tone.SPEAR, Tone.SHIELD, Tone.TEACHER},
                x -> Math.exp(x * 3),
                x -> 1 + .1 * x,
                x -> 1)),
        List.of(
            chart(
                "‖CA‖ and ‖DM‖",
                false,
                new Tone[] {Tone.SPEAR, Tone.SHIELD},
                x -> 1 / (1 + x),
                x -> .4 + .2 * x),
            chart("Cosine of CA and DM", false, new Tone[] {Tone.NEUTRAL}, x -> -.4 + .2 * x),
            chart(
                "Variance",
                false,
                new Tone[] {Tone.STUDENT, Tone.TEACHER},
                x -> .9 + .1 * x,
                x -> 1),
            chart("Fake's loss", true, new Tone[] {Tone.SHIELD}, x -> Math.exp(-5 * x))),
        List.of(
            new Facts("Versions and machine", Map.of("peltast", "0.1.0", "libtorch", "2.10.0")),
            new Facts(
                "Checksums of the inputs", Map.of("teacher", "9f86d081884c7d659a2feaa0c55ad015"))),
        "seed: 7\nmethod:\n  name: decoupled-dmd\n  guidance: 3.5\n",
        List.of(new ReportData.Next("Take one step", "peltast demo --steps 1")));
  }

  private static Row row(
      String name,
      String note,
      Tone tone,
      int steps,
      int evaluations,
      double frechet,
      double alignment,
      double accuracy,
      double speed) {
    return new Row(
        name,
        note,
        tone,
        Arrays.asList(
            steps == 0 ? null : Estimate.of(steps),
            steps == 0 ? null : Estimate.of(evaluations),
            new Estimate(frechet, frechet * .93, frechet * 1.08),
            new Estimate(alignment, alignment - .008, alignment + .008),
            new Estimate(100 * accuracy, 100 * accuracy - 3, 100 * accuracy + 3),
            Estimate.of(speed)));
  }

  private static Strand strand(String name, Tone tone, double wreck) {
    List<Moment> moments = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      moments.add(
          new Moment(i * 150L, List.of(picture(3, wreck * i / 8), picture(6, wreck * i / 8))));
    }
    return new Strand(name, "CFG augmentation, 1 050 updates", tone, moments);
  }

  private static Chart chart(
      String title, boolean log, Tone[] tones, DoubleUnaryOperator... lines) {
    Random random = new Random(3);
    List<Series> series = new ArrayList<>();
    for (int i = 0; i < lines.length; i++) {
      DoubleUnaryOperator line = lines[i];
      boolean compared = tones[i] == Tone.TEACHER;
      series.add(
          new Series(
              tones[i].name().toLowerCase(java.util.Locale.ROOT),
              tones[i],
              IntStream.range(0, 500)
                  .mapToObj(
                      u ->
                          new Point(
                              u,
                              line.applyAsDouble(u / 500.0)
                                  * (compared ? 1 : 1 + .15 * random.nextGaussian())))
                  .toList(),
              compared));
    }
    return new Chart(title, "How to read it, in one sentence.", log, series);
  }

  /** A disc on white, dissolving into noise. */
  private static BufferedImage picture(int seed, double noise) {
    BufferedImage picture = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = picture.createGraphics();
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, 64, 64);
    g.setColor(Color.getHSBColor(seed / 12f, .75f, .9f));
    g.fillOval(8, 8, 48, 48);
    g.dispose();
    Random random = new Random(seed);
    for (int i = 0; i < 64 * 64; i++) {
      if (random.nextDouble() < noise) {
        picture.setRGB(i % 64, i / 64, random.nextInt(1 << 24));
      }
    }
    return picture;
  }
}
