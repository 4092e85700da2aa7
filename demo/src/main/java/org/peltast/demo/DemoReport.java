package org.peltast.demo;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.peltast.compare.Differences;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Measure;
import org.peltast.evaluate.SeedSpread;
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
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Pictures;
import org.peltast.training.SettledRecipe;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A demonstration's folder in words, tables and curves: the page is a function of the files alone,
 * so it can be written anew at any time.
 */
public final class DemoReport {
  private static final int GALLERY = 24;

  /** What the student is compared with others in, in words. */
  private static final Set<Measure> COMPARED =
      EnumSet.of(
          Measure.FRECHET_BIAS_FREE,
          Measure.FRECHET,
          Measure.KID,
          Measure.ALIGNMENT,
          Measure.RETRIEVAL,
          Measure.FAMILY_ACCURACY,
          Measure.DIVERSITY);

  private final RunFolder folder;
  private final JsonNode metrics;
  private final Measured student;
  private final Measured teacher;
  private final Measured sameCost;
  private final Measured sameSteps;
  private final Measured real;
  private final List<JsonNode> seeds; // the metrics of this and other runs of the recipe

  private DemoReport(RunFolder folder, JsonNode metrics, List<JsonNode> seeds) {
    this.folder = folder;
    this.metrics = metrics;
    this.seeds = List.copyOf(seeds);
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
    write(folder, List.of());
  }

  /**
   * Writes {@code report.html} of a run, with means and intervals over it and other runs of the
   * same recipe from other seeds.
   *
   * @param others finished demonstrations
   * @throws RunException if a folder holds no finished demonstration, or one of another recipe or
   *     of the same seed
   */
  public static void write(RunFolder folder, List<RunFolder> others) {
    JsonNode json = metrics(folder);
    List<JsonNode> seeds = new ArrayList<>(List.of(json));
    for (RunFolder other : others) {
      JsonNode more = metrics(other);
      requireAnotherSeed(folder, other);
      if (seeds.stream().anyMatch(s -> s.path("seed").equals(more.path("seed")))) {
        throw new RunException(
            other.path()
                + " has the seed of a run before it, so it shows nothing of the spread; give each"
                + " seed once.");
      }
      if (!json.path("prompts").equals(more.path("prompts"))
          || !json.path("promptsAre").equals(more.path("promptsAre"))) {
        throw new RunException(
            other.path() + " was measured on other prompts than " + folder.path() + ".");
      }
      seeds.add(more);
    }
    Path file = folder.path().resolve("report.html");
    try {
      ReportWriter.write(new DemoReport(folder, json, seeds).data(), file);
    } catch (IOException e) {
      throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
    }
  }

  private static JsonNode metrics(RunFolder folder) {
    Path metrics = folder.path().resolve("metrics.json");
    if (!Files.exists(metrics)) {
      throw new RunException(
          folder.path()
              + " holds no metrics.json, so there is nothing to report; finish it with 'peltast"
              + " demo --out "
              + folder.path()
              + "'.");
    }
    try {
      return JsonMapper.builder().build().readTree(metrics.toFile());
    } catch (JacksonException e) {
      throw new RunException(metrics + " is damaged; run the demonstration again.", e);
    }
  }

  private static void requireAnotherSeed(RunFolder folder, RunFolder other) {
    Recipes<DistillRecipe> recipes = Recipes.over(DistillRecipe.defaults());
    List<String> same = new ArrayList<>();
    for (RunFolder one : List.of(folder, other)) {
      same.add(
          recipes.write(
              recipes.parse(
                  one.readRecipe().orElse(""), one.recipe().toString(), List.of("seed=0"))));
    }
    if (!same.get(0).equals(same.get(1))) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s has another recipe than %s (%s); runs that differ by the seed alone have a mean.",
              other.path(),
              folder.path(),
              SettledRecipe.difference(same.get(0), same.get(1))));
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
                said("teacher", "the teacher")),
            new Headline(
                format("%.2f", sameCost.figure("frechet") / student.figure("frechet")),
                "Fréchet, teacher at the student's cost ÷ student",
                said("teacherSameCost", "the teacher at the same cost")),
            new Headline(
                format("%.0f s", distilling),
                "distilling",
                format("%d updates", metrics.path("updates").asLong(0))));
    return new ReportData(
        n == 1 ? "A generator of one step" : "A generator of " + n + " steps",
        format(
            "Decoupled DMD turned a guided teacher of %d steps into a generator of %d, in %.1f"
                + " minutes on this machine.",
            teacher.count("steps"), n, distilling / 60),
        headlines,
        gallery(),
        variety(),
        table(),
        story(),
        charts(),
        facts(),
        folder.readRecipe().orElse(""),
        next(n));
  }

  private List<ReportData.Next> next(int steps) {
    Path student = folder.path().resolve("student");
    return List.of(
        new ReportData.Next(
            "Draw your own prompt",
            format(
                "./peltast generate --model %s --prompt \"a red apple, noto\" --out apple.png",
                student)),
        steps == 1
            ? new ReportData.Next(
                "Take more time and two steps",
                "./peltast demo --steps 2 --minutes 30 --out output/two-steps")
            : new ReportData.Next(
                "Take more time and one step",
                "./peltast demo --steps 1 --minutes 30 --out output/one-step"),
        new ReportData.Next(
            "Measure on every held-out prompt",
            format("./peltast evaluate --model %s --prompts 1000", student)));
  }

  /** What may be said of the student's distance beside another's; empty if that is not known. */
  private String said(String other, String inWords) {
    List<Difference> all = Differences.read(metrics.path("differences").path(other));
    for (Measure measure : List.of(Measure.FRECHET_BIAS_FREE, Measure.FRECHET)) {
      for (Difference difference : all) {
        if (difference.measure() == measure) {
          return "the student: " + difference.against(inWords);
        }
      }
    }
    return "";
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }

  private ReportData.@Nullable Gallery gallery() {
    List<Source> sources =
        List.of(
            new Source("teacher", teacher.describe(), Tone.TEACHER),
            new Source(
                "same cost", "the teacher undistilled: " + sameCost.describe(), Tone.NEUTRAL),
            new Source("student", student.describe(), Tone.STUDENT),
            new Source("real", "the real picture of the prompt", Tone.REAL));
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
    return prompts.isEmpty()
        ? null
        : new ReportData.Gallery(metrics.path("seed").asLong(), sources, prompts);
  }

  /** Several pictures of one prompt, side by side; null for a folder that has none. */
  private ReportData.@Nullable Variety variety() {
    List<Source> sources =
        List.of(
            new Source("teacher", teacher.describe(), Tone.TEACHER),
            new Source("student", student.describe(), Tone.STUDENT));
    List<String> captions = captions(folder.samples().resolve("prompts.txt"));
    List<ReportData.Prompt> prompts = new ArrayList<>();
    int samples = metrics.path("samples").asInt(0);
    for (int i = 0; i < Math.min(Demo.VARIED, captions.size()); i++) {
      List<BufferedImage> pictures = new ArrayList<>();
      for (Source source : sources) {
        Path drawn =
            folder.samples().resolve(String.format(Locale.ROOT, "%s-again/%04d", source.name(), i));
        for (int k = 0; k < samples && Files.exists(drawn); k++) {
          pictures.add(Pictures.read(drawn.resolve(String.format(Locale.ROOT, "%04d.png", k))));
        }
      }
      if (pictures.size() == sources.size() * samples) {
        prompts.add(new ReportData.Prompt(captions.get(i), pictures));
      }
    }
    return samples < 2 || prompts.isEmpty()
        ? null
        : new ReportData.Variety(samples, sources, prompts);
  }

  private static List<String> captions(Path file) {
    try {
      return Files.exists(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      throw new RunException("cannot read " + file + " (" + e.getMessage() + ")", e);
    }
  }

  private ReportData.Table table() {
    String judge = student.json().path("judge").asString("judge");
    Double floor =
        real.json().path("frechetBiasFree").isNumber() ? real.figure("frechetBiasFree") : null;
    boolean biasFree = student.json().path("frechetBiasFree").isNumber();
    Double rawFloor = real.json().path("frechet").isNumber() ? real.figure("frechet") : null;
    List<Column> columns =
        List.of(
            new Column("Fréchet, bias-free, " + judge, "", Better.LOWER, 2, floor, biasFree),
            new Column("Fréchet, raw, " + judge, "", Better.LOWER, 2, rawFloor, !biasFree),
            new Column("KID × 1000, " + judge, "", Better.LOWER, 2, null, false),
            new Column("Alignment", "", Better.HIGHER, 1, null, true),
            new Column("Family accuracy", "%", Better.HIGHER, 1, null, true),
            new Column("Retrieval@10", "%", Better.HIGHER, 1, null, false),
            new Column("Diversity", "", Better.NEITHER, 2, null, false),
            new Column("Vendi score", "", Better.NEITHER, 2, null, false),
            new Column("Variance", "", Better.NEITHER, 3, null, false),
            new Column("Saturation", "", Better.NEITHER, 3, null, false),
            new Column("Colour cast", "", Better.NEITHER, 3, null, false),
            new Column("Denoising", "ms", Better.LOWER, 2, null, false),
            new Column("Images a second", "", Better.HIGHER, 1, null, false));
    List<Row> rows = new ArrayList<>();
    rows.add(new Row("student", student.describe(), Tone.STUDENT, cells(student)));
    if (seeds.size() > 1) {
      rows.add(overSeeds());
    }
    rows.add(new Row("teacher", teacher.describe(), Tone.TEACHER, cells(teacher)));
    rows.add(new Row("teacher, same cost", sameCost.describe(), Tone.NEUTRAL, cells(sameCost)));
    rows.add(new Row("teacher, same steps", sameSteps.describe(), Tone.NEUTRAL, cells(sameSteps)));
    rows.add(new Row("real", "the pictures of the prompts", Tone.REAL, cells(real)));
    return new ReportData.Table(caption(), columns, rows, notes());
  }

  private String caption() {
    int prompts = metrics.path("prompts").asInt(0);
    int all = metrics.path("promptsInAll").asInt(prompts);
    long seed = metrics.path("seed").asLong();
    return format(
        metrics.path("teacherRedrawn").path("seed").asLong(seed) == seed
            ? "%s %s, the same starting noise for all."
            : "%s %s, the same starting noise for all but the teacher with all its steps, whose"
                + " pictures are shipped.",
        all > prompts ? prompts + " of " + all : Integer.toString(prompts),
        metrics.path("promptsAre").asString("prompts"));
  }

  private List<String> notes() {
    List<String> notes = new ArrayList<>();
    comparisons(notes);
    JsonNode floor = real.json().path("noiseFloor");
    if (floor.isObject()) {
      notes.add(
          format(
              "Noise floor: two random halves of the real pictures, %d each, are at a raw Fréchet"
                  + " distance of %s%s and a KID × 1000 of %s from each other (mean ± standard"
                  + " deviation over splits).",
              floor.path("images").asInt(0),
              spread(floor.path("frechet"), 1),
              floor.path("frechetBiasFree").isObject()
                  ? ", a bias-free one of " + spread(floor.path("frechetBiasFree"), 1)
                  : "",
              spread(floor.path("kid"), 1000)));
    }
    notes.add(
        "Both distances are over the features of this project's own judge; neither is FID, nor KID"
            + " over Inception.");
    if (metrics.path("samples").asInt(0) > 1) {
      notes.add(
          format(
              "Diversity and Vendi score are of %d pictures each of %d prompts.",
              metrics.path("samples").asInt(0), metrics.path("samplePrompts").asInt(0)));
    }
    JsonNode redrawn = metrics.path("teacherRedrawn");
    if (redrawn.isObject()) {
      notes.add(
          format(
              "The teacher's pictures were decoded from the latents that are shipped; %d were drawn"
                  + " again, and differ from these by %.2f of 255 on average.",
              redrawn.path("pictures").asInt(), redrawn.path("meanDifference").asDouble()));
    }
    notes.add(
        "Same cost: what the teacher does undistilled with as many network evaluations, by the"
            + " sampler that suits it most. Same steps: as many guided steps, which cost twice as"
            + " much.");
    notes.add(
        "Intervals are 95 %, over fresh prompts. Those of a difference are of the difference"
            + " itself, prompt by prompt, and words such as better stand only where it excludes 0."
            + " Denoising is the time for an image without decoding.");
    return notes;
  }

  /** The paired differences in words, one note for each that the student is compared with. */
  private void comparisons(List<String> notes) {
    Map<String, String> others = new LinkedHashMap<>();
    others.put("teacher", "the teacher");
    others.put("teacherSameCost", "the teacher at the same cost");
    others.put("teacherSameSteps", "the teacher in as many steps");
    others.forEach(
        (name, words) -> {
          List<List<Difference>> runs =
              seeds.stream().map(m -> Differences.read(m.path("differences").path(name))).toList();
          List<String> all = new ArrayList<>();
          for (Difference first : runs.get(0)) {
            if (COMPARED.contains(first.measure())) {
              List<Difference> same =
                  runs.stream()
                      .flatMap(List::stream)
                      .filter(d -> d.measure() == first.measure())
                      .toList();
              if (same.size() == runs.size()) {
                all.add(Differences.words(same.size() == 1 ? first : Difference.overSeeds(same)));
              }
            }
          }
          if (!all.isEmpty()) {
            notes.add(
                format(
                    "Student − %s%s: %s.",
                    words,
                    seeds.size() > 1 ? ", mean of " + seeds.size() + " seeds" : "",
                    String.join("; ", all)));
          }
        });
  }

  private static String spread(JsonNode json, double unit) {
    return format(
        "%.3f ± %.3f",
        json.path("mean").asDouble(Double.NaN) * unit,
        json.path("deviation").asDouble(Double.NaN) * unit);
  }

  /** The student's figures over all runs: means with Student's t intervals. */
  private Row overSeeds() {
    List<List<@Nullable Estimate>> runs =
        seeds.stream().map(m -> cells(new Measured(m.path("student")))).toList();
    List<@Nullable Estimate> means = new ArrayList<>();
    for (int i = 0; i < runs.get(0).size(); i++) {
      List<Double> figures = new ArrayList<>();
      for (List<@Nullable Estimate> run : runs) {
        Estimate cell = run.get(i);
        if (cell != null) {
          figures.add(cell.value());
        }
      }
      if (figures.size() < runs.size()) {
        means.add(null);
      } else {
        SeedSpread spread = SeedSpread.of(figures);
        means.add(new Estimate(spread.mean(), spread.interval().low(), spread.interval().high()));
      }
    }
    return new Row(
        "student, " + seeds.size() + " seeds",
        format(
            "mean and t interval over the seeds %s",
            String.join(", ", seeds.stream().map(m -> m.path("seed").asString("?")).toList())),
        Tone.STUDENT,
        means);
  }

  private static List<@Nullable Estimate> cells(Measured m) {
    List<@Nullable Estimate> cells = new ArrayList<>();
    cells.add(m.estimate("frechetBiasFree", 1));
    cells.add(m.estimate("frechet", 1));
    cells.add(m.estimate("kid", 1000));
    cells.add(m.estimate("alignment", 1));
    cells.add(m.estimate("familyAccuracy", 100));
    cells.add(m.estimate("retrievalAt10", 100));
    cells.add(m.estimate("diversity", 1));
    cells.add(m.estimate("vendi", 1));
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
        "The same start, prompts and noise. Without distribution matching, CFG augmentation"
            + " sharpens the pictures, then burns them.",
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
            "Root mean square of the engine's and the regulariser's push, before weights and"
                + " normaliser.",
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
            "The fake model's denoising loss, and the generator's surrogate, whose value says"
                + " little.",
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
