package org.peltast.training;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.report.ReportData;
import org.peltast.report.ReportData.Better;
import org.peltast.report.ReportData.Chart;
import org.peltast.report.ReportData.Column;
import org.peltast.report.ReportData.Estimate;
import org.peltast.report.ReportData.Facts;
import org.peltast.report.ReportData.Headline;
import org.peltast.report.ReportData.Moment;
import org.peltast.report.ReportData.Point;
import org.peltast.report.ReportData.Row;
import org.peltast.report.ReportData.Series;
import org.peltast.report.ReportData.Source;
import org.peltast.report.ReportData.Strand;
import org.peltast.report.ReportData.Tone;
import org.peltast.report.ReportWriter;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.Provenance;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A demonstration's folder in words, tables and curves: the page is a function of the files alone,
 * so it can be written anew at any time.
 */
public final class DemoReport {
  private static final int GALLERY = 24;

  private final RunFolder folder;
  private final JsonNode metrics;
  private final Measured student;
  private final Measured teacher;
  private final Measured sameCost;
  private final Measured sameSteps;
  private final Measured real;

  private DemoReport(RunFolder folder, JsonNode metrics) {
    this.folder = folder;
    this.metrics = metrics;
    this.student = measured("student");
    this.teacher = measured("teacher");
    this.sameCost = measured("teacherSameCost");
    this.sameSteps = measured("teacherSameSteps");
    this.real = measured("real");
  }

  /**
   * Writes {@code report.html} beside what it shows.
   *
   * @throws RunException if the folder holds no finished demonstration
   */
  public static void write(RunFolder folder) {
    Path metrics = folder.path().resolve("metrics.json");
    if (!Files.exists(metrics)) {
      throw new RunException(
          folder.path()
              + " holds no metrics.json, so there is nothing to report; finish it with 'peltast demo --out "
              + folder.path()
              + "'.");
    }
    Path file = folder.path().resolve("report.html");
    try {
      JsonNode json = JsonMapper.builder().build().readTree(metrics.toFile());
      ReportWriter.write(new DemoReport(folder, json).data(), file);
    } catch (JacksonException e) {
      throw new RunException(metrics + " is damaged; run the demonstration again.", e);
    } catch (IOException e) {
      throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
    }
  }

  /** One set of pictures in {@code metrics.json}. */
  private record Measured(JsonNode json) {
    double figure(String name) {
      return json.path(name).asDouble(Double.NaN);
    }

    int count(String name) {
      return json.path(name).asInt(0);
    }

    /** A figure with its interval, or null if it was not measured. */
    @Nullable Estimate estimate(String name, double unit) {
      if (!json.path(name).isNumber()) {
        return null;
      }
      double value = figure(name) * unit;
      JsonNode interval = json.path("intervals").path(name);
      return interval.isMissingNode()
          ? Estimate.of(value)
          : new Estimate(
              value,
              interval.path("low").asDouble(value / unit) * unit,
              interval.path("high").asDouble(value / unit) * unit);
    }

    String describe() {
      int steps = count("steps");
      int evaluations = count("evaluations");
      double alpha = figure("guidance");
      return format(
          "%d step%s%s, %d network evaluation%s",
          steps,
          steps == 1 ? "" : "s",
          evaluations > steps ? format(" guided at α = %.3g", alpha) : "",
          evaluations,
          evaluations == 1 ? "" : "s");
    }
  }

  private Measured measured(String name) {
    JsonNode json = metrics.path(name);
    if (!json.isObject()) {
      throw new RunException(
          folder.path().resolve("metrics.json")
              + " lacks '"
              + name
              + "'; run the demonstration again.");
    }
    return new Measured(json);
  }

  private ReportData data() {
    int n = student.count("steps");
    double distilling = metrics.path("seconds").path("distil").asDouble(Double.NaN);
    List<Headline> headlines =
        List.of(
            new Headline(
                format("×%.0f", teacher.figure("denoiseMillis") / student.figure("denoiseMillis")),
                "faster denoising",
                format(
                    "%d evaluations instead of %d",
                    student.count("evaluations"), teacher.count("evaluations"))),
            new Headline(
                format("%.2f", student.figure("frechet") / teacher.figure("frechet")),
                "Fréchet, student ÷ teacher",
                "below 1 the student is nearer to real pictures"),
            new Headline(
                format("%.2f", sameCost.figure("frechet") / student.figure("frechet")),
                "Fréchet, teacher at the student's cost ÷ student",
                "what distilling is worth"),
            new Headline(
                format("%.0f s", distilling),
                "distilling",
                format("%d updates", metrics.path("updates").asLong(0))));
    return new ReportData(
        n == 1 ? "A generator of one step" : "A generator of " + n + " steps",
        format(
            "Decoupled DMD turned a guided teacher of %d steps into a generator of %d, in %.1f minutes on this machine.",
            teacher.count("steps"), n, distilling / 60),
        headlines,
        gallery(),
        table(),
        story(),
        charts(),
        facts(),
        folder.readRecipe().orElse(""));
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }

  private ReportData.@Nullable Gallery gallery() {
    List<Source> sources =
        List.of(
            new Source("teacher", teacher.describe(), Tone.TEACHER),
            new Source("same cost", "the best undistilled: " + sameCost.describe(), Tone.NEUTRAL),
            new Source("student", student.describe(), Tone.STUDENT),
            new Source("real", "the held-out drawing itself", Tone.REAL));
    Path samples = folder.samples();
    List<String> captions = captions(samples.resolve("prompts.txt"));
    List<ReportData.Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < Math.min(GALLERY, captions.size()); i++) {
      List<BufferedImage> pictures = new ArrayList<>();
      for (String source : List.of("teacher", "teacher-same-cost", "student", "real")) {
        pictures.add(
            Pictures.read(
                samples.resolve(source).resolve(String.format(Locale.ROOT, "%04d.png", i))));
      }
      prompts.add(new ReportData.Prompt(captions.get(i), pictures));
    }
    return prompts.isEmpty() ? null : new ReportData.Gallery(sources, prompts);
  }

  private static List<String> captions(Path file) {
    try {
      return Files.exists(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      throw new RunException("cannot read " + file + " (" + e.getMessage() + ")", e);
    }
  }

  private ReportData.Table table() {
    double floor = real.figure("frechetNoiseFloor");
    List<Column> columns =
        List.of(
            new Column(
                "Fréchet, " + student.json().path("judge").asString("judge"),
                "",
                Better.LOWER,
                2,
                Double.isNaN(floor) ? null : floor,
                true),
            new Column("Alignment", "", Better.HIGHER, 1, null, true),
            new Column("Family accuracy", "%", Better.HIGHER, 1, null, true),
            new Column("Retrieval@10", "%", Better.HIGHER, 1, null, false),
            new Column("Diversity", "", Better.HIGHER, 2, null, false),
            new Column("Variance", "", Better.NEITHER, 3, null, false),
            new Column("Saturation", "", Better.NEITHER, 3, null, false),
            new Column("Colour cast", "", Better.NEITHER, 3, null, false),
            new Column("Denoising", "ms", Better.LOWER, 2, null, false),
            new Column("Images a second", "", Better.HIGHER, 1, null, false));
    return new ReportData.Table(
        format(
            "%d held-out prompts, the same starting noise for all.",
            metrics.path("prompts").asInt(0)),
        columns,
        List.of(
            new Row("student", student.describe(), Tone.STUDENT, cells(student)),
            new Row("teacher", teacher.describe(), Tone.TEACHER, cells(teacher)),
            new Row("teacher, same cost", sameCost.describe(), Tone.NEUTRAL, cells(sameCost)),
            new Row("teacher, same steps", sameSteps.describe(), Tone.NEUTRAL, cells(sameSteps)),
            new Row("real", "the held-out drawings", Tone.REAL, cells(real))),
        List.of(
            format(
                "The floor of the Fréchet distance, for as many real pictures drawn at random from all held-out ones, is %.2f ± %.2f.",
                floor, real.figure("frechetNoiseFloorDeviation")),
            "The distance is over the features of this project's own judge; it is not FID.",
            "Same cost: the best that the teacher does undistilled with as many network evaluations. Same steps: as many guided steps, which cost twice as much.",
            "Intervals are 95 %, by bootstrap. Denoising is the time for an image without decoding."));
  }

  private static List<@Nullable Estimate> cells(Measured m) {
    List<@Nullable Estimate> cells = new ArrayList<>();
    cells.add(m.estimate("frechet", 1));
    cells.add(m.estimate("alignment", 1));
    cells.add(m.estimate("familyAccuracy", 100));
    cells.add(m.estimate("retrievalAt10", 100));
    cells.add(m.estimate("diversity", 1));
    cells.add(m.estimate("variance", 1));
    cells.add(m.estimate("saturation", 1));
    cells.add(m.estimate("colourCast", 1));
    cells.add(m.estimate("denoiseMillis", 1));
    cells.add(m.count("evaluations") == 0 ? null : m.estimate("imagesPerSecond", 1));
    return cells;
  }

  /** Null if the spear alone was not run. */
  private ReportData.@Nullable Story story() {
    List<Moment> spear = Story.moments(folder.path(), "spear");
    List<Moment> shield = Story.moments(folder.path(), "shield");
    if (spear.isEmpty() || shield.isEmpty()) {
      return null;
    }
    Chart variance =
        new Chart(
            "Variance of the generator's latents",
            "Real latents have about 1. Alone, the spear only makes it grow; the shield holds it.",
            true,
            List.of(
                series("the spear alone", Tone.SPEAR, spearMetrics(), "variance", false),
                series("with the shield", Tone.SHIELD, folder.metrics(), "variance", false)));
    return new ReportData.Story(
        "The same start, prompts and noise. Without distribution matching, CFG augmentation sharpens the pictures, then burns them.",
        List.of(
            new Strand("The spear alone", "CFG augmentation, nothing else", Tone.SPEAR, spear),
            new Strand(
                "Spear and shield",
                "CFG augmentation with distribution matching",
                Tone.SHIELD,
                shield)),
        variance);
  }

  private Path spearMetrics() {
    return folder.path().resolve("spear").resolve(folder.metrics().getFileName());
  }

  private static Series series(
      String name, Tone tone, Path metrics, String figure, boolean dashed) {
    List<Point> points = new ArrayList<>();
    if (Files.exists(metrics)) {
      for (MetricsLog.Line line : MetricsLog.read(metrics)) {
        if (line.metrics().get(figure) instanceof Number n) {
          points.add(new Point(line.update(), n.doubleValue()));
        }
      }
    }
    return new Series(name, tone, points, dashed);
  }

  private List<Chart> charts() {
    Path log = folder.metrics();
    return List.of(
        new Chart(
            "The two terms",
            "Root mean square of the engine's and the regulariser's push, before weights and normaliser.",
            false,
            List.of(
                series("CFG augmentation", Tone.SPEAR, log, "ca", false),
                series("distribution matching", Tone.SHIELD, log, "dm", false))),
        new Chart(
            "Cosine of the two terms",
            "Negative: the shield undoes a part of what the spear does.",
            false,
            List.of(series("cosine", Tone.NEUTRAL, log, "cosine", false))),
        new Chart(
            "Saturation",
            "Of decoded pictures, the generator's against the teacher's guided predictions.",
            false,
            List.of(
                series("student", Tone.STUDENT, log, "saturation", false),
                series("teacher", Tone.TEACHER, log, "teacher.saturation", true))),
        new Chart(
            "Losses",
            "The fake model's denoising loss, and the generator's surrogate, whose value says little.",
            true,
            List.of(
                series("fake", Tone.SHIELD, log, "fakeLoss", false),
                series("generator", Tone.STUDENT, log, "loss", false))));
  }

  private List<Facts> facts() {
    Map<String, String> times = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> part : metrics.path("seconds").properties()) {
      times.put(part.getKey(), format("%.0f s", part.getValue().asDouble(Double.NaN)));
    }
    List<Facts> all = new ArrayList<>();
    all.add(new Facts("Time", times));
    folder
        .readProvenance()
        .ifPresent(
            (Provenance p) -> {
              all.add(new Facts("Versions", p.versions()));
              all.add(new Facts("System", p.system()));
              all.add(new Facts("Inputs", p.inputs()));
            });
    return all;
  }
}
