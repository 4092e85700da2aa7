package org.peltast.paper;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Measure;
import org.peltast.report.figure.Figure;
import org.peltast.report.figure.FigureWriter;
import org.peltast.runs.RunException;
import org.peltast.tensor.Scope;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes what experiments came to: for each a figure (SVG, PNG), its data (CSV, JSON) and a page,
 * and the verdicts on all claims.
 */
final class Results {
  /** Written by people, beside the pages that are written here. */
  private static final String DISCUSSION = "discussion.md";

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** Pictures in a row of a figure. */
  private static final int SHOWN = 8;

  private final Path folder;
  private final Evidence evidence;
  private final String setting;

  /**
   * Writes into a folder.
   *
   * @param setting in a sentence: what was run on, and how much of it
   */
  Results(Path folder, Evidence evidence, String setting) {
    this.folder = folder;
    this.evidence = evidence;
    this.setting = setting;
  }

  private static String run(Experiment experiment, Experiment.Variant variant) {
    return Evidence.name(experiment, variant);
  }

  private Map<Long, Outcome> outcomes(Experiment experiment, Experiment.Variant variant) {
    return evidence.of(run(experiment, variant));
  }

  /** Writes all of one experiment. */
  void write(Experiment experiment, Subject subject, String command, List<Verdict> verdicts) {
    try {
      FigureWriter.write(figure(experiment, subject), folder, experiment.id());
    } catch (IOException e) {
      throw new RunException(
          "cannot write the figure " + experiment.id() + " (" + e.getMessage() + ")", e);
    }
    text(experiment.id() + ".csv", csv(experiment));
    text(experiment.id() + ".json", json(experiment));
    text(experiment.id() + ".md", page(experiment, subject, command, verdicts));
  }

  private void text(String name, String text) {
    PictureSheet.write(folder.resolve(name), text.getBytes(StandardCharsets.UTF_8));
  }

  // --- data ---------------------------------------------------------------------------------

  /** Every number, one a line, to its last digit. */
  private String csv(Experiment experiment) {
    StringBuilder csv =
        new StringBuilder("experiment,variant,seed,split,moment,update,measure,value\n");
    for (Experiment.Variant variant : experiment.variants()) {
      for (Outcome outcome : outcomes(experiment, variant).values()) {
        String start =
            String.join(",", experiment.id(), variant.name(), Long.toString(outcome.seed()), "");
        for (Outcome.Moment moment : outcome.moments()) {
          new TreeMap<>(moment.values())
              .forEach(
                  (measure, value) ->
                      csv.append(start)
                          .append("validation,,")
                          .append(moment.update())
                          .append(',')
                          .append(measure)
                          .append(',')
                          .append(value)
                          .append('\n'));
        }
        for (Claims.At at : Claims.At.values()) {
          String name = Outcome.name(at);
          long update =
              switch (at) {
                case START -> 0;
                case BEST -> outcome.best();
                case END -> outcome.updates();
              };
          new TreeMap<>(outcome.test().getOrDefault(name, Map.of()))
              .forEach(
                  (measure, value) ->
                      csv.append(start)
                          .append("test,")
                          .append(name)
                          .append(',')
                          .append(update)
                          .append(',')
                          .append(measure)
                          .append(',')
                          .append(value)
                          .append('\n'));
        }
        new TreeMap<>(outcome.series())
            .forEach(
                (name, values) -> {
                  for (int i = 0; i < values.size(); i++) {
                    csv.append(start)
                        .append("analysis,end,")
                        .append(outcome.updates())
                        .append(',')
                        .append(name)
                        .append('.')
                        .append(i)
                        .append(',')
                        .append(values.get(i))
                        .append('\n');
                  }
                });
      }
    }
    return csv.toString();
  }

  private String json(Experiment experiment) {
    ObjectNode root = JSON.createObjectNode();
    root.put("experiment", experiment.id());
    root.put("title", experiment.title());
    root.put("place", experiment.place());
    root.put("setting", setting);
    ArrayNode variants = root.putArray("variants");
    for (Experiment.Variant variant : experiment.variants()) {
      ObjectNode one = variants.addObject();
      one.put("name", variant.name());
      one.put("title", variant.title());
      ArrayNode sets = one.putArray("sets");
      Experiments.sets(variant).forEach(sets::add);
      ArrayNode runs = one.putArray("runs");
      for (Outcome outcome : outcomes(experiment, variant).values()) {
        ObjectNode node = JSON.valueToTree(outcome);
        node.remove("seconds"); // no function of the recipe
        runs.add(node);
      }
      ObjectNode over = one.putObject("overSeeds");
      for (Claims.At at : Claims.At.values()) {
        ObjectNode moment = over.putObject(Outcome.name(at));
        measures(experiment, variant, at)
            .forEach(
                measure ->
                    evidence
                        .estimate(run(experiment, variant), at, measure)
                        .ifPresent(e -> put(moment.putObject(measure), e)));
      }
    }
    return JSON.writeValueAsString(root) + "\n";
  }

  private List<String> measures(Experiment experiment, Experiment.Variant variant, Claims.At at) {
    TreeSet<String> all = new TreeSet<>();
    outcomes(experiment, variant)
        .values()
        .forEach(o -> all.addAll(o.test().getOrDefault(Outcome.name(at), Map.of()).keySet()));
    return List.copyOf(all);
  }

  private static void put(ObjectNode node, Evidence.Estimate estimate) {
    node.put("mean", estimate.value());
    Interval interval = estimate.interval();
    if (interval != null) {
      node.put("low", interval.low());
      node.put("high", interval.high());
    }
  }

  // --- the figure ---------------------------------------------------------------------------

  private Figure figure(Experiment experiment, Subject subject) {
    List<Figure.Panel> panels = new ArrayList<>();
    panels.add(pictures(experiment, subject));
    for (String measure : experiment.curves()) {
      Figure.Curves curves = curves(experiment, measure);
      if (!curves.series().isEmpty()) {
        panels.add(curves);
      }
    }
    for (String series : List.of("change.spectrum", "retention")) {
      Figure.Curves analysed = analysed(experiment, series);
      if (!analysed.series().isEmpty()) {
        panels.add(analysed);
      }
    }
    for (String measure : experiment.values()) {
      Figure.Values values = values(experiment, subject, measure);
      if (!values.rows().isEmpty()) {
        panels.add(values);
      }
    }
    return new Figure(experiment.title() + " (" + experiment.place() + ")", 2, panels);
  }

  private Figure.Panel pictures(Experiment experiment, Subject subject) {
    int edge = subject.teacher().defaults().height();
    List<Figure.PictureRow> rows = new ArrayList<>();
    List<String> columns = new ArrayList<>();
    boolean moments = experiment.pictured() == Experiment.Pictured.MOMENTS;
    String title =
        moments
            ? "One prompt at rising updates, first seed"
            : "The same prompts and noise, first seed";
    for (Experiment.Variant variant : experiment.variants()) {
      Outcome outcome = outcomes(experiment, variant).values().stream().findFirst().orElse(null);
      if (outcome == null) {
        continue;
      }
      Path run = evidence.folder(outcome);
      if (variant.analysis() == Experiment.Analysis.ARTEFACT) {
        int each = 1 + Artefact.TIMES.size();
        int second = Math.min(2, subject.captions(true).size()) * each;
        List<BufferedImage> all =
            PictureSheet.pictures(run.resolve("artefact.png"), second + each, edge, edge);
        title = "An image gone bad, noised to τ, and what is predicted of it; first seed";
        columns.add("image");
        Artefact.TIMES.forEach(t -> columns.add("τ = " + t));
        rows.add(new Figure.PictureRow("real's prediction", new ArrayList<>(all.subList(0, each))));
        rows.add(
            new Figure.PictureRow(
                "fake's prediction", new ArrayList<>(all.subList(second, second + each))));
        continue;
      }
      List<@Nullable BufferedImage> row = new ArrayList<>();
      if (moments) {
        List<String> seen = outcome.moments().stream().map(m -> Long.toString(m.update())).toList();
        if (seen.size() > columns.size()) { // a run that collapsed was seen less often
          columns.clear();
          columns.addAll(seen);
        }
        for (Outcome.Moment moment : outcome.moments()) {
          row.add(
              PictureSheet.pictures(Outcome.momentFile(run, moment.update(), ".png"), 1, edge, edge)
                  .get(0));
        }
      } else {
        int n = Math.min(SHOWN, subject.captions(false).size());
        row.addAll(
            PictureSheet.pictures(Outcome.testFile(run, Claims.At.END, false), n, edge, edge));
      }
      rows.add(new Figure.PictureRow(variant.title(), row));
    }
    return new Figure.Pictures(title, columns, rows);
  }

  private Figure.Curves curves(Experiment experiment, String measure) {
    List<Figure.Series> all = new ArrayList<>();
    for (Experiment.Variant variant : experiment.variants()) {
      Map<Long, List<Double>> values = new TreeMap<>();
      for (Outcome outcome : outcomes(experiment, variant).values()) {
        for (Outcome.Moment moment : outcome.moments()) {
          Double value = moment.values().get(measure);
          if (value != null) {
            values.computeIfAbsent(moment.update(), u -> new ArrayList<>()).add(value);
          }
        }
      }
      if (!values.isEmpty()) {
        List<Figure.Point> points = new ArrayList<>();
        values.forEach((update, seeds) -> points.add(point(update, seeds)));
        all.add(new Figure.Series(variant.title(), variant.style(), points));
      }
    }
    boolean wide = measure.equals("latentVariance");
    return new Figure.Curves(title(measure), "updates", title(measure), wide, all);
  }

  /** The mean over seeds; the band is from the lowest to the highest. */
  private static Figure.Point point(double x, List<Double> seeds) {
    return new Figure.Point(
        x,
        seeds.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN),
        seeds.stream().mapToDouble(Double::doubleValue).min().orElse(Double.NaN),
        seeds.stream().mapToDouble(Double::doubleValue).max().orElse(Double.NaN));
  }

  private Figure.Curves analysed(Experiment experiment, String prefix) {
    List<Figure.Series> all = new ArrayList<>();
    boolean spectrum = prefix.equals("change.spectrum");
    for (Experiment.Variant variant : experiment.variants()) {
      Map<String, List<List<Double>>> series = new TreeMap<>();
      for (Outcome outcome : outcomes(experiment, variant).values()) {
        outcome
            .series()
            .forEach(
                (name, values) -> {
                  if (name.startsWith(prefix)) {
                    series.computeIfAbsent(name, n -> new ArrayList<>()).add(values);
                  }
                });
      }
      int style = variant.style();
      for (Map.Entry<String, List<List<Double>>> entry : series.entrySet()) {
        List<Figure.Point> points = new ArrayList<>();
        int n = entry.getValue().get(0).size();
        for (int i = spectrum ? 1 : 0; i < n; i++) {
          int at = i;
          double x = spectrum ? (double) i / (n - 1) : Artefact.TIMES.get(i);
          points.add(point(x, entry.getValue().stream().map(v -> v.get(at)).toList()));
        }
        String name = entry.getKey();
        all.add(
            spectrum
                ? new Figure.Series(variant.title(), style, points)
                : new Figure.Series(
                    name.substring(prefix.length() + 1) + " model",
                    name.endsWith("fake") ? 1 : 0,
                    points));
      }
    }
    return spectrum
        ? new Figure.Curves(
            "Radial power spectrum of the change",
            "spatial frequency, share of Nyquist's",
            "power",
            true,
            all)
        : new Figure.Curves(
            "The artefact in predictions", "τ", "retention of high frequencies", false, all);
  }

  private Figure.Values values(Experiment experiment, Subject subject, String measure) {
    List<Figure.Row> rows = new ArrayList<>();
    for (Experiment.Variant variant : experiment.variants()) {
      evidence
          .estimate(run(experiment, variant), Claims.At.END, measure)
          .ifPresent(e -> rows.add(row(variant.title(), variant.style(), e)));
    }
    return new Figure.Values(
        title(measure) + " at the end, test prompts",
        title(measure) + ", 95 % over seeds and prompts",
        rows,
        reference(subject, measure));
  }

  private static Figure.Row row(String name, int style, Evidence.Estimate e) {
    Interval i = e.interval();
    return new Figure.Row(
        name, style, e.value(), i == null ? e.value() : i.low(), i == null ? e.value() : i.high());
  }

  /** What the teacher has with all its steps, for what is measured on pictures. */
  private static @Nullable Double reference(Subject subject, String measure) {
    if (Measure.ofKey(measure).isEmpty()) {
      return measure.equals("latentVarianceToTeacher") ? 1.0 : null;
    }
    return teacher(subject).get(measure);
  }

  private static Map<String, Double> teacher(Subject subject) {
    try (Scope scope = Scope.open()) {
      return Subject.values(
          subject.measureTest(subject.teacherDrew(subject.captions(false)).images(), null));
    }
  }

  private static String title(String measure) {
    return Measure.ofKey(measure)
        .filter(m -> m.unit() == 1)
        .map(Measure::title)
        .orElse(
            switch (measure) {
              case "latentVariance" -> "variance of latents";
              case "latentVarianceToTeacher" -> "variance of latents ÷ the teacher's";
              case "change.centroid" -> "mean frequency of the change";
              case "retention.real" -> "retention by the real model";
              case "retention.fake" -> "retention by the fake model";
              case "training.weight.dm" -> "weight of DM";
              default -> measure;
            });
  }

  // --- pages --------------------------------------------------------------------------------

  private String page(
      Experiment experiment, Subject subject, String command, List<Verdict> verdicts) {
    StringBuilder page = new StringBuilder();
    page.append("# ").append(experiment.title()).append("\n\n");
    page.append(experiment.shows())
        .append(" The paper: ")
        .append(experiment.place())
        .append(".\n\n");
    page.append("![")
        .append(experiment.title())
        .append("](")
        .append(experiment.id())
        .append(".png)\n\n");
    page.append(
        "Curves are means over seeds on validation prompts, their bands from the lowest seed to the highest. Values are measured on test prompts; the dashed line is the teacher with all its steps.\n\n");
    page.append(setting).append(" The command: `").append(command).append("`.\n");
    table(page, experiment, subject);
    families(page, experiment);
    claims(page, experiment, verdicts);
    if (!experiment.published().isEmpty()) {
      page.append(
          "\n## The paper's figures\n\nOther models, data and judges: orders compare, values do not.\n\n");
      experiment.published().forEach(line -> page.append(line).append('\n'));
    }
    runs(page, experiment);
    return page.append("\n[Data as CSV](")
        .append(experiment.id())
        .append(".csv) · [JSON](")
        .append(experiment.id())
        .append(".json) · [SVG](")
        .append(experiment.id())
        .append(".svg) · [all results](README.md)\n")
        .toString();
  }

  private void table(StringBuilder page, Experiment experiment, Subject subject) {
    List<String> shown = new ArrayList<>(experiment.values());
    for (String measure : List.of("alignment", "frechetBiasFree", "latentVarianceToTeacher")) {
      if (!shown.contains(measure)) {
        shown.add(measure);
      }
    }
    page.append("\n## Measured on test prompts\n\n|  | moment |");
    shown.forEach(measure -> page.append(' ').append(title(measure)).append(" |"));
    page.append("\n| --- | --- |").append(" --- |".repeat(shown.size())).append('\n');
    Map<String, Double> teacher = new LinkedHashMap<>(teacher(subject));
    teacher.put("latentVarianceToTeacher", 1.0);
    page.append("| teacher, all its steps | |");
    shown.forEach(m -> page.append(' ').append(number(teacher.get(m), null)).append(" |"));
    page.append('\n');
    for (Experiment.Variant variant : experiment.variants()) {
      for (Claims.At at : List.of(Claims.At.BEST, Claims.At.END)) {
        page.append("| ")
            .append(variant.title())
            .append(" | ")
            .append(Outcome.name(at))
            .append(" |");
        for (String measure : shown) {
          page.append(' ')
              .append(
                  evidence
                      .estimate(run(experiment, variant), at, measure)
                      .map(e -> number(e.value(), e.interval()))
                      .orElse("–"))
              .append(" |");
        }
        page.append('\n');
      }
    }
  }

  private static String number(@Nullable Double value, @Nullable Interval interval) {
    if (value == null) {
      return "–";
    }
    return interval == null
        ? digits(value)
        : digits(value) + " [" + digits(interval.low()) + ", " + digits(interval.high()) + "]";
  }

  private static String digits(double value) {
    double size = Math.abs(value);
    return size >= 1e4
        ? String.format(Locale.ROOT, "%.1e", value)
        : String.format(Locale.ROOT, size >= 10 ? "%.1f" : "%.3f", value);
  }

  private void families(StringBuilder page, Experiment experiment) {
    if (!experiment.byFamily()) {
      return;
    }
    TreeSet<String> families = new TreeSet<>();
    Map<String, Map<String, Double>> rows = new LinkedHashMap<>();
    for (Experiment.Variant variant : experiment.variants()) {
      Map<String, List<Double>> values = new TreeMap<>();
      for (Outcome outcome : outcomes(experiment, variant).values()) {
        try (Scope scope = Scope.open()) {
          evidence
              .alignmentByFamily(outcome)
              .forEach((f, v) -> values.computeIfAbsent(f, n -> new ArrayList<>()).add(v));
        }
      }
      Map<String, Double> means = new TreeMap<>();
      values.forEach(
          (family, seeds) ->
              means.put(
                  family,
                  seeds.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN)));
      families.addAll(means.keySet());
      rows.put(variant.title(), means);
    }
    if (families.isEmpty()) {
      return;
    }
    page.append(
        "\n## Alignment by style, at the end\n\nMeans over seeds; the paper's Tables 6 and 7 are by style and category too.\n\n|  |");
    families.forEach(family -> page.append(' ').append(family).append(" |"));
    page.append("\n| --- |").append(" --- |".repeat(families.size())).append('\n');
    rows.forEach(
        (title, means) -> {
          page.append("| ").append(title).append(" |");
          families.forEach(
              family -> page.append(' ').append(number(means.get(family), null)).append(" |"));
          page.append('\n');
        });
  }

  private static void claims(StringBuilder page, Experiment experiment, List<Verdict> verdicts) {
    List<Verdict> own =
        verdicts.stream()
            .filter(
                v ->
                    v.claim().checks().stream()
                        .anyMatch(c -> c.run().startsWith(experiment.id() + "/")))
            .toList();
    if (own.isEmpty()) {
      return;
    }
    page.append("\n## Verdict\n");
    for (Verdict verdict : own) {
      page.append("\n**")
          .append(verdict.claim().id())
          .append(": ")
          .append(verdict.outcome().words())
          .append(".** ")
          .append(verdict.claim().statement())
          .append("\n\n");
      checks(page, verdict);
    }
  }

  private static void checks(StringBuilder page, Verdict verdict) {
    page.append("| check | number | threshold | found, 95 % over ")
        .append(verdict.seeds().size())
        .append(verdict.seeds().size() == 1 ? " seed" : " seeds")
        .append(" | |\n| --- | --- | --- | --- | --- |\n");
    for (Verdict.Finding finding : verdict.findings()) {
      page.append("| ")
          .append(finding.check().says())
          .append(" | ")
          .append(finding.check().words())
          .append(" | ")
          .append(finding.check().limit())
          .append(" | ")
          .append(finding.words())
          .append(" | ")
          .append(finding.outcome().words())
          .append(" |\n");
    }
  }

  private void runs(StringBuilder page, Experiment experiment) {
    page.append(
        "\n## Runs\n\n| | changes to the recipe | seeds | updates | collapsed | seconds of updates |\n| --- | --- | --- | --- | --- | --- |\n");
    for (Experiment.Variant variant : experiment.variants()) {
      Map<Long, Outcome> all = outcomes(experiment, variant);
      page.append("| ")
          .append(variant.title())
          .append(" | `")
          .append(String.join("` `", variant.sets()))
          .append("` | ");
      page.append(String.join(", ", all.keySet().stream().map(String::valueOf).toList()))
          .append(" | ");
      page.append(
              String.join(
                  ", ",
                  all.values().stream().map(o -> Long.toString(o.updates())).distinct().toList()))
          .append(" | ");
      page.append(all.values().stream().filter(Outcome::collapsed).count()).append(" | ");
      page.append(
              String.join(
                  ", ",
                  all.values().stream().map(o -> Long.toString(Math.round(o.seconds()))).toList()))
          .append(" |\n");
    }
  }

  /** Writes all verdicts, as JSON and as the page that begins the results. */
  void write(List<Verdict> verdicts, List<Experiment> experiments, String command) {
    ArrayNode all = JSON.createArrayNode();
    for (Verdict verdict : verdicts) {
      Verdict.Finding deciding = verdict.deciding();
      ObjectNode one = all.addObject();
      one.put("id", verdict.claim().id());
      one.put("statement", verdict.claim().statement());
      one.put("place", verdict.claim().place());
      one.put("measure", deciding.check().words());
      one.put("threshold", deciding.check().limit());
      ArrayNode seeds = one.putArray("seeds");
      verdict.seeds().forEach(seeds::add);
      found(one, deciding);
      one.put("verdict", verdict.outcome().words());
      ArrayNode checks = one.putArray("checks");
      for (Verdict.Finding finding : verdict.findings()) {
        ObjectNode check = checks.addObject();
        check.put("says", finding.check().says());
        check.put("measure", finding.check().words());
        check.put("threshold", finding.check().limit());
        found(check, finding);
        check.put("verdict", finding.outcome().words());
      }
    }
    text("claims.json", JSON.writeValueAsString(all) + "\n");
    text("README.md", index(verdicts, experiments, command));
  }

  private static void found(ObjectNode node, Verdict.Finding finding) {
    if (Double.isFinite(finding.effect())) {
      node.put("effect", finding.effect());
    } else {
      node.putNull("effect");
    }
    Interval interval = finding.interval();
    if (interval == null) {
      node.putNull("interval");
    } else {
      node.putArray("interval").add(interval.low()).add(interval.high());
    }
  }

  private String index(List<Verdict> verdicts, List<Experiment> experiments, String command) {
    StringBuilder page = new StringBuilder("# The paper, measured again\n\n");
    page.append(setting).append(" The command: `").append(command).append("`.\n\n");
    if (Files.exists(folder.resolve(DISCUSSION))) {
      page.append("What was seen, and why: [discussion](").append(DISCUSSION).append(").\n\n");
    }
    page.append(
        "The claims, their measures and thresholds were registered in `claims.yaml` before any run. A claim is *confirmed* if every one of its checks lies on the right side of its threshold with the whole of its 95 % interval, and *not at this scale* if one lies on the wrong side with the whole of it. What is chosen is chosen on validation prompts; what is reported is measured on test prompts.\n\n");
    page.append(
        "| | claim | place | verdict | the deciding check | found |\n| --- | --- | --- | --- | --- | --- |\n");
    for (Verdict verdict : verdicts) {
      Verdict.Finding deciding = verdict.deciding();
      page.append("| ")
          .append(verdict.claim().id())
          .append(" | ")
          .append(verdict.claim().statement())
          .append(" | ")
          .append(verdict.claim().place())
          .append(" | **")
          .append(verdict.outcome().words())
          .append("** | ")
          .append(deciding.check().words())
          .append(' ')
          .append(deciding.check().limit())
          .append(" | ")
          .append(deciding.words())
          .append(" |\n");
    }
    page.append("\n| experiment | |\n| --- | --- |\n");
    for (Experiment experiment : experiments) {
      page.append("| [")
          .append(experiment.title())
          .append("](")
          .append(experiment.id())
          .append(".md) | ")
          .append(experiment.place())
          .append(" |\n");
    }
    for (Verdict verdict : verdicts) {
      page.append("\n## ")
          .append(verdict.claim().id())
          .append(": ")
          .append(verdict.outcome().words())
          .append("\n\n")
          .append(verdict.claim().statement())
          .append("\n\n");
      checks(page, verdict);
      String shown = verdict.claim().checks().get(0).run().replaceFirst("/.*", "");
      experiments.stream()
          .filter(e -> e.id().equals(shown))
          .forEach(
              e ->
                  page.append("\n[![")
                      .append(e.title())
                      .append("](")
                      .append(e.id())
                      .append(".png)](")
                      .append(e.id())
                      .append(".md)\n"));
    }
    return page.toString();
  }
}
