package org.peltast.cli.training;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.cli.report.ReportData;
import org.peltast.cli.report.ReportData.Better;
import org.peltast.cli.report.ReportData.Chart;
import org.peltast.cli.report.ReportData.Column;
import org.peltast.cli.report.ReportData.Estimate;
import org.peltast.cli.report.ReportData.Facts;
import org.peltast.cli.report.ReportData.Headline;
import org.peltast.cli.report.ReportData.Moment;
import org.peltast.cli.report.ReportData.Point;
import org.peltast.cli.report.ReportData.Row;
import org.peltast.cli.report.ReportData.Series;
import org.peltast.cli.report.ReportData.Source;
import org.peltast.cli.report.ReportData.Strand;
import org.peltast.cli.report.ReportData.Tone;
import org.peltast.cli.report.ReportWriter;
import org.peltast.distill.run.MetricsLog;
import org.peltast.distill.run.Provenance;
import org.peltast.distill.run.Recipes;
import org.peltast.distill.run.RunException;
import org.peltast.distill.run.RunFolder;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Scores;

/** Puts a demonstration's results into words, tables and curves. */
record DemoReport(
    DistillRecipe recipe,
    Demo.Results results,
    Story shield,
    Story spear,
    RunFolder folder,
    Demo.Seconds seconds) {
  private static final int GALLERY = 24;

  void write(Path file) {
    try {
      ReportWriter.write(data(), file);
    } catch (IOException e) {
      throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
    }
  }

  private ReportData data() {
    int n = recipe.steps();
    double speedUp =
        results.teacher().throughput().denoiseMillis()
            / results.student().throughput().denoiseMillis();
    List<Headline> headlines =
        List.of(
            new Headline(
                format("×%.0f", speedUp),
                "faster denoising",
                format(
                    "%d evaluations instead of %d",
                    results.student().settings().evaluations(),
                    results.teacher().settings().evaluations())),
            new Headline(
                format("%.2f", ratio(results.student(), results.teacher())),
                "Fréchet, student ÷ teacher",
                "below 1 the student is nearer to real pictures"),
            new Headline(
                format("%.2f", ratio(results.teacherSameCost(), results.student())),
                "Fréchet, teacher at the student's cost ÷ student",
                "what distilling is worth"),
            new Headline(
                format("%.0f s", seconds.distil()),
                "distilling",
                format("%d updates of %d prompts", recipe.run().updates(), recipe.run().batch())));
    return new ReportData(
        n == 1 ? "A generator of one step" : "A generator of " + n + " steps",
        format(
            "Decoupled DMD turned a guided teacher of %d steps into a generator of %d, in %.1f minutes on this machine.",
            results.teacher().settings().grid().size(), n, seconds.distil() / 60),
        headlines,
        gallery(),
        table(),
        story(),
        charts(),
        facts(),
        Recipes.over(DistillRecipe.defaults()).write(recipe));
  }

  private static double ratio(Contestant a, Contestant b) {
    return a.scores().frechet() / b.scores().frechet();
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }

  private ReportData.Gallery gallery() {
    List<List<BufferedImage>> columns =
        List.of(
            Pictures.of(results.teacher().images()),
            Pictures.of(results.teacherSameCost().images()),
            Pictures.of(results.student().images()),
            Pictures.of(results.realImages()));
    List<Source> sources =
        List.of(
            new Source("teacher", describe(results.teacher()), Tone.TEACHER),
            new Source(
                "same cost",
                "the best undistilled: " + describe(results.teacherSameCost()),
                Tone.NEUTRAL),
            new Source("student", describe(results.student()), Tone.STUDENT),
            new Source("real", "the held-out drawing itself", Tone.REAL));
    List<ReportData.Prompt> prompts = new ArrayList<>();
    List<String> captions = results.heldOut().captions();
    for (int i = 0; i < Math.min(GALLERY, captions.size()); i++) {
      int at = i;
      prompts.add(
          new ReportData.Prompt(captions.get(i), columns.stream().map(c -> c.get(at)).toList()));
    }
    return new ReportData.Gallery(sources, prompts);
  }

  private static String describe(Contestant c) {
    int steps = c.settings().grid().size();
    return format(
        "%d step%s%s, %d network evaluation%s",
        steps,
        steps == 1 ? "" : "s",
        c.settings().guidance().isOn()
            ? format(" guided at α = %.3g", c.settings().guidance().alpha())
            : "",
        c.settings().evaluations(),
        c.settings().evaluations() == 1 ? "" : "s");
  }

  private ReportData.Table table() {
    List<Column> columns =
        List.of(
            new Column(
                "Fréchet, " + results.real().judge(),
                "",
                Better.LOWER,
                2,
                results.floor().frechet(),
                true),
            new Column("alignment", "", Better.HIGHER, 1, null, true),
            new Column("family accuracy", "%", Better.HIGHER, 1, null, true),
            new Column("retrieval@10", "%", Better.HIGHER, 1, null, false),
            new Column("variance", "", Better.NEITHER, 3, null, false),
            new Column("saturation", "", Better.NEITHER, 3, null, false),
            new Column("colour cast", "", Better.NEITHER, 3, null, false),
            new Column("denoising", "ms", Better.LOWER, 2, null, false),
            new Column("images a second", "", Better.HIGHER, 1, null, false));
    List<Row> rows = new ArrayList<>();
    rows.add(row("student", Tone.STUDENT, results.student()));
    rows.add(row("teacher", Tone.TEACHER, results.teacher()));
    rows.add(row("teacher at the student's cost", Tone.NEUTRAL, results.teacherSameCost()));
    rows.add(row("teacher in as many guided steps", Tone.NEUTRAL, results.teacherSameSteps()));
    rows.add(
        new Row("real", "the held-out drawings", Tone.REAL, cells(results.real(), null, null)));
    return new ReportData.Table(
        format(
            "%d held-out prompts, the same starting noise for all",
            results.heldOut().indices().size()),
        columns,
        rows,
        List.of(
            format(
                "The floor of the Fréchet distance, for as many real pictures drawn at random from all held-out ones, is %.2f ± %.2f.",
                results.floor().frechet(), results.floor().deviation()),
            "Intervals are 95 % by bootstrap."));
  }

  private static Row row(String name, Tone tone, Contestant c) {
    return new Row(
        name,
        describe(c),
        tone,
        cells(c.scores(), c.throughput().denoiseMillis(), c.throughput().imagesPerSecond()));
  }

  private static List<@Nullable Estimate> cells(
      Scores s, @Nullable Double denoise, @Nullable Double speed) {
    List<@Nullable Estimate> cells = new ArrayList<>();
    cells.add(estimate(s, "frechet", s.frechet(), 1));
    cells.add(estimate(s, "alignment", s.alignment(), 1));
    Double family = s.familyAccuracy();
    cells.add(family == null ? null : estimate(s, "familyAccuracy", family, 100));
    cells.add(estimate(s, "retrievalAt10", s.retrievalAt10(), 100));
    cells.add(estimate(s, "variance", s.variance(), 1));
    cells.add(estimate(s, "saturation", s.saturation(), 1));
    cells.add(estimate(s, "colourCast", s.colourCast(), 1));
    cells.add(denoise == null ? null : Estimate.of(denoise));
    cells.add(speed == null ? null : Estimate.of(speed));
    return cells;
  }

  private static Estimate estimate(Scores s, String name, double value, double unit) {
    Interval i = s.intervals().get(name);
    return i == null
        ? Estimate.of(value * unit)
        : new Estimate(value * unit, i.low() * unit, i.high() * unit);
  }

  private ReportData.@Nullable Story story() {
    Chart variance =
        new Chart(
            "Variance of the generator's latents",
            "With the spear alone it only grows; the shield holds it at the data's.",
            true,
            List.of(
                series("the spear alone", Tone.SPEAR, spearMetrics(), "variance", false),
                series("with the shield", Tone.SHIELD, folder.metrics(), "variance", false)));
    return new ReportData.Story(
        "The same start, prompts and noise. Without distribution matching, CFG augmentation sharpens the pictures, then burns them.",
        List.of(
            strand("spear", "CFG augmentation alone", Tone.SPEAR, spear),
            strand("spear and shield", "with distribution matching", Tone.SHIELD, shield)),
        variance);
  }

  private Path spearMetrics() {
    return folder.path().resolve("spear").resolve(folder.metrics().getFileName());
  }

  private static Strand strand(String name, String explanation, Tone tone, Story story) {
    List<Moment> moments = new ArrayList<>();
    story.pictures().forEach((update, pictures) -> moments.add(new Moment(update, pictures)));
    return new Strand(name, explanation, tone, moments);
  }

  private static Series series(
      String name, Tone tone, Path metrics, String figure, boolean dashed) {
    List<Point> points = new ArrayList<>();
    if (java.nio.file.Files.exists(metrics)) {
      for (MetricsLog.Line line : MetricsLog.read(metrics)) {
        if (line.figures().get(figure) instanceof Number n) {
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
    times.put("preparing", format("%.0f s", seconds.prepare()));
    times.put("distilling", format("%.0f s", seconds.distil()));
    times.put("measuring", format("%.0f s", seconds.evaluate()));
    times.put("all", format("%.0f s", seconds.total()));
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
