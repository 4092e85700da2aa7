package org.peltast.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Evaluation;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.Measure;
import org.peltast.evaluate.Measurement;
import org.peltast.evaluate.Measurement.Estimate;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.report.Formats;
import org.peltast.runs.Progress;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.training.Corpus;
import org.peltast.training.DataRecipe;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model, or several of one recipe from several seeds, measured beside real pictures and other
 * models.
 *
 * @param options what was asked for
 * @param trial what all were measured on
 * @param standing what the prompts are to the models
 * @param seeds the model, or several of one recipe
 * @param others that it is compared with
 * @param real the real pictures of the same prompts
 * @param floor real pictures against real ones; null if there are too few
 */
public record Comparison(
    Options options,
    Trial trial,
    Corpus.Standing standing,
    List<Candidate> seeds,
    List<Candidate> others,
    Measurement real,
    Evaluation.@Nullable NoiseFloor floor) {
  /**
   * What is compared.
   *
   * @param models the model, or several of one recipe from several seeds; at least one
   * @param others folders of models to compare with, each by its own settings
   * @param judge the judge's folder
   * @param data the captioned pictures to measure beside
   * @param prompts at most
   * @param samples pictures of each of the first {@value #DIVERSE_PROMPTS} prompts, for diversity;
   *     1 leaves it out
   * @param seed of noise and resampling
   * @param settings of the model that is measured, from those that it has by itself
   */
  public record Options(
      List<ModelSource> models,
      List<Path> others,
      Path judge,
      DataRecipe data,
      int prompts,
      int samples,
      long seed,
      UnaryOperator<GenerationSettings> settings) {
    /** Copies. */
    public Options {
      models = List.copyOf(models);
      others = List.copyOf(others);
    }
  }

  /** Prompts that are drawn several times. */
  static final int DIVERSE_PROMPTS = 64;

  /**
   * Draws with all models, and measures; the pictures belong to the caller's scope.
   *
   * @param progress shows a task of that title
   * @param notices hears what is left out
   */
  public static Comparison measure(
      Options options, Function<String, Progress> progress, Consumer<String> notices) {
    JudgeFolder judged = JudgeFolder.at(options.judge());
    // The first stays open: the judge may read with its text encoder.
    try (TextToImage first = open(options.models().get(0));
        Judge judge = judged.load(Device.CPU)) {
      GenerationSettings settings = options.settings().apply(first.defaults());
      options.data().requirePictures();
      Corpus corpus;
      try (Progress reading = progress.apply("reading the data")) {
        corpus = Corpus.open(options.data(), reading, notices);
      }
      Corpus.Standing standing = corpus.standing(first.provenance());
      Trial trial =
          new Trial(
              judge,
              judged,
              first.textEncoder(),
              corpus.measured(options.prompts()),
              DIVERSE_PROMPTS,
              options.samples(),
              options.seed());
      if (!trial.isSpread()) {
        notices.accept(
            "The real pictures that are measured all look the same to the judge: diversity, which is measured in units of their spread, is left out.");
      }
      List<Candidate> seeds = new ArrayList<>();
      seeds.add(draw("model", first, settings, trial, progress));
      for (ModelSource one : options.models().subList(1, options.models().size())) {
        try (TextToImage model = open(one)) {
          standing = standing.or(corpus.standing(model.provenance()));
          GenerationSettings its = options.settings().apply(model.defaults());
          seeds.add(draw(one.folder().toString(), model, its, trial, progress));
        }
      }
      List<Candidate> against = new ArrayList<>();
      for (Path one : options.others()) {
        try (TextToImage model = open(ModelSource.of(one))) {
          standing = standing.or(corpus.standing(model.provenance()));
          against.add(draw(one.toString(), model, model.defaults(), trial, progress));
        }
      }
      return new Comparison(
          options, trial, standing, seeds, against, trial.real(), trial.noiseFloor());
    }
  }

  /** Figures are to be the same tomorrow: no precision that depends on a measurement. */
  private static TextToImage open(ModelSource source) {
    return ModelFolder.open(source, Device.CPU, Precision.FLOAT32);
  }

  private static Candidate draw(
      String name,
      TextToImage model,
      GenerationSettings settings,
      Trial trial,
      Function<String, Progress> progress) {
    try (Progress shown =
        progress.apply(name.equals("model") ? "drawing" : "drawing with " + name)) {
      return Candidate.measure(name, model, settings, trial, shown);
    }
  }

  /** The measurements of the model, one a seed. */
  public List<Measurement> measurements() {
    return seeds.stream().map(Candidate::measurement).toList();
  }

  /** Of the model from another, prompt by prompt. */
  public Map<Measure, Difference> differences(Candidate other) {
    return Measurement.differences(measurements(), List.of(other.measurement()));
  }

  /** All figures, as {@code peltast evaluate --out} writes them. */
  public ObjectNode toJson() {
    ObjectNode json = seeds.get(0).toJson();
    json.put("prompts", trial.prompts().size());
    json.put("promptsInAll", trial.set().all().size());
    json.put("promptsAre", standing.words());
    json.put("split", options.data().validation() ? "validation" : "test");
    json.put("seed", options.seed());
    json.set("real", real.scores().toJson());
    if (floor != null) {
      json.set("noiseFloor", floor.toJson());
    }
    if (seeds.size() > 1) {
      ArrayNode runs = json.putArray("runs");
      seeds.forEach(run -> runs.add(run.toJson()));
      ObjectNode means = json.putObject("overSeeds");
      Measurement.estimates(measurements())
          .forEach(
              (measure, estimate) -> {
                ObjectNode one = means.putObject(measure.key()).put("mean", estimate.value());
                if (estimate.seeds() != null) {
                  one.put("deviation", estimate.seeds().deviation());
                }
                if (estimate.interval() != null) {
                  one.put("low", estimate.interval().low());
                  one.put("high", estimate.interval().high());
                }
              });
    }
    ArrayNode against = json.putArray("against");
    for (Candidate other : others) {
      ObjectNode one = other.toJson();
      one.put("model", other.name());
      one.set("differences", Differences.toJson(differences(other).values()));
      against.add(one);
    }
    return json;
  }

  /** The tables that a reader sees. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    Candidate first = seeds.get(0);
    int n = seeds.size();
    lines.add(
        String.format(
            Locale.ROOT,
            "%d %s, %d network evaluations each, judge %s%s",
            trial.prompts().size(),
            standing.words(),
            first.settings().evaluations(),
            first.scores().judge(),
            n > 1 ? ", mean of " + n + " seeds" : ""));
    lines.add("");
    Map<Measure, Estimate> model = Measurement.estimates(measurements());
    Map<Measure, Estimate> ofReal = Measurement.estimates(List.of(real));
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("", "model", "95 %", "real", "95 %"));
    model.forEach(
        (measure, estimate) -> {
          Estimate of = ofReal.get(measure);
          rows.add(
              List.of(
                  measure.title(),
                  figure(estimate.value() * measure.unit()),
                  interval(measure, estimate.interval()),
                  of == null ? "–" : figure(of.value() * measure.unit()),
                  of == null ? "" : interval(measure, of.interval())));
        });
    Formats.columns(rows, false, true, false, true, false).forEach(lines::add);
    for (Candidate other : others) {
      lines.add("");
      lines.add(
          String.format(
              Locale.ROOT,
              "model − %s (%d network evaluations), the same prompts and noise",
              other.name(),
              other.settings().evaluations()));
      List<List<String>> compared = new ArrayList<>();
      differences(other)
          .forEach(
              (measure, difference) ->
                  compared.add(
                      List.of(
                          measure.title(),
                          signed(difference.value() * measure.unit()),
                          interval(measure, difference.interval()),
                          difference.verdict().words())));
      Formats.columns(compared, false, true, false, false).forEach(lines::add);
    }
    if (floor != null) {
      Evaluation.Spread biasFree = floor.frechetBiasFree();
      lines.add("");
      lines.add(
          String.format(
              Locale.ROOT,
              "Noise floor, two random halves of the real pictures, %d each: Fréchet %s%s raw, KID ×"
                  + " 1000 %s",
              floor.images(),
              biasFree == null ? "" : spread(biasFree, 1) + " bias-free, ",
              spread(floor.frechet(), 1),
              spread(floor.kid(), Measure.KID.unit())));
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "Denoising %.2f ms and decoding %.2f ms an image, %.1f images a second",
            first.throughput().denoiseMillis(),
            first.throughput().decodeMillis(),
            first.throughput().imagesPerSecond()));
    if (n > 1) {
      lines.add("Intervals hold for other prompts and for other seeds (Student's t).");
    }
    return lines;
  }

  private static String spread(Evaluation.Spread spread, double unit) {
    return String.format(
        Locale.ROOT, "%.3f ± %.3f", spread.mean() * unit, spread.deviation() * unit);
  }

  private static String interval(Measure measure, @Nullable Interval interval) {
    return interval == null
        ? ""
        : figure(interval.low() * measure.unit())
            + " – "
            + figure(interval.high() * measure.unit());
  }

  private static String figure(double value) {
    String text = String.format(Locale.ROOT, Math.abs(value) >= 10 ? "%.1f" : "%.3f", value);
    return text.equals("-0.000") ? "0.000" : text;
  }

  private static String signed(double value) {
    return String.format(Locale.ROOT, Math.abs(value) >= 10 ? "%+.1f" : "%+.3f", value);
  }
}
