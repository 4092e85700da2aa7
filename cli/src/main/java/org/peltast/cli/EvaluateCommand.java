package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.compare.Candidate;
import org.peltast.compare.Differences;
import org.peltast.compare.Trial;
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
import org.peltast.models.TextToImage;
import org.peltast.runs.Progress;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.training.Corpus;
import org.peltast.training.DataRecipe;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "evaluate",
    description = {
      "Measures a model on held-out prompts, beside real pictures, other models and the noise"
          + " floor.",
      "Distances, alignment, retrieval and family accuracy are taken in the features of the judge"
          + " of this project; they are neither FID nor KID nor CLIP scores. Intervals are 95 %%."
          + " Models are compared prompt by prompt, from the same noise, and called better or worse"
          + " only where the interval of the difference excludes 0."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast evaluate --model output/demo/student --against weights/teacher",
      "  peltast evaluate --model output/a/student --model output/b/student --model output/c/student",
      "  peltast evaluate --model weights/teacher --steps 2 --guidance 1 --out"
          + " teacher-two-steps.json",
      "  peltast evaluate --model output/mine/student --images my-pictures"
    })
final class EvaluateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description =
          "the model folder (default: the shipped student); given several times, runs of one recipe"
              + " from several seeds, of which the mean is shown")
  private List<Path> models = List.of();

  @Option(
      names = "--against",
      paramLabel = "DIR",
      description =
          "a model folder to compare with, by its own settings; may be given several times")
  private List<Path> others = List.of();

  @Option(
      names = "--judge",
      paramLabel = "DIR",
      description = "the judge's folder (default: the shipped one)")
  private @Nullable Path judgeFolder;

  @Option(
      names = "--images",
      paramLabel = "emoji|DIR",
      description =
          "the captioned pictures to measure beside: the emoji, or a folder, of which at most half"
              + " is measured on and the rest is the reference (default: ${DEFAULT-VALUE})")
  private String images = "emoji";

  /** A part of the emoji that is kept from training. */
  enum Split {
    TEST,
    VALIDATION
  }

  @Option(
      names = "--split",
      paramLabel = "test|validation",
      description =
          "of the emoji: the test pairs, or those that choices are made on (default:"
              + " ${DEFAULT-VALUE})")
  private Split split = Split.TEST;

  @Option(
      names = "--caption-key",
      paramLabel = "KEY",
      description =
          "the key of captions in the folder's metadata.jsonl or metadata.csv, if not a usual one")
  private String captionKey = "";

  @Option(
      names = "--prompts",
      paramLabel = "N",
      description = "prompts at most; raw distances compare for equal N alone (default: all)")
  private int count = Integer.MAX_VALUE;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description =
          "pictures of each of the first 64 prompts, for diversity; 1 leaves it out (default:"
              + " ${DEFAULT-VALUE})")
  private int samples = 4;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "of noise and resampling (default: ${DEFAULT-VALUE})")
  private long seed = 1;

  @Option(names = "--steps", paramLabel = "N", description = "steps of equal length")
  private @Nullable Integer steps;

  @Option(names = "--guidance", paramLabel = "ALPHA", description = "α of u + α(c − u); 1 is none")
  private @Nullable Double guidance;

  @Option(names = "--sampler", paramLabel = "NAME", description = "euler, ddim or renoise")
  private @Nullable String sampler;

  @Option(names = "--out", paramLabel = "FILE.json", description = "write the figures as JSON too")
  private @Nullable Path out;

  /** Prompts that are drawn several times. */
  private static final int DIVERSE_PROMPTS = 64;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  EvaluateCommand() {}

  @Override
  public Integer call() throws IOException {
    if (count < 2) {
      throw new CommandException("--prompts must be at least 2: a distance needs a spread.");
    }
    if (samples < 1 || samples > 100) {
      throw new CommandException("--samples must be from 1 to 100.");
    }
    if (steps != null && (steps < 1 || steps > 1000)) {
      throw new CommandException("--steps must be from 1 to 1000.");
    }
    if (split == Split.VALIDATION && !images.equals("emoji")) {
      throw new CommandException(
          "--split is of the emoji; a folder is its own, so leave it out or name another folder.");
    }
    NativeLibraries.open();
    List<Path> measured = models.isEmpty() ? List.of(Places.shipped("student")) : models;
    JudgeFolder judged =
        JudgeFolder.at(judgeFolder == null ? Places.shipped("judge") : judgeFolder);
    // The first stays open: the judge may read with its text encoder.
    try (TextToImage first = open(measured.get(0));
        Judge judge = judged.load(Device.CPU);
        Scope scope = Scope.open()) {
      GenerationSettings settings = settings(first.defaults());
      DataRecipe data =
          DataRecipe.defaults()
              .of(images)
              .withValidation(split == Split.VALIDATION)
              .withCaptionKey(captionKey);
      data.requirePictures();
      Corpus corpus;
      try (Progress progress = Display.progress("reading the data")) {
        corpus = Corpus.open(data, progress, Display::notice);
      }
      Corpus.Standing standing = corpus.standing(first.provenance());
      Trial trial =
          new Trial(
              judge,
              judged,
              first.textEncoder(),
              corpus.measured(count),
              DIVERSE_PROMPTS,
              samples,
              seed);
      if (!trial.isSpread()) {
        Display.notice(
            "The real pictures all look the same to the judge: diversity, which is measured in units of their spread, is left out.");
      }
      List<Candidate> seeds = new ArrayList<>();
      seeds.add(draw("model", first, settings, trial));
      for (Path one : measured.subList(1, measured.size())) {
        try (TextToImage model = open(one)) {
          standing = standing.or(corpus.standing(model.provenance()));
          seeds.add(draw(one.toString(), model, settings(model.defaults()), trial));
        }
      }
      List<Candidate> against = new ArrayList<>();
      for (Path one : others) {
        try (TextToImage model = open(one)) {
          standing = standing.or(corpus.standing(model.provenance()));
          against.add(draw(one.toString(), model, model.defaults(), trial));
        }
      }
      Result result = new Result(trial, standing, seeds, against, trial.real(), trial.noiseFloor());
      print(result);
      if (out != null) {
        Files.writeString(
            out,
            JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .build()
                    .writeValueAsString(json(result))
                + "\n");
      }
    }
    return ExitCode.OK;
  }

  /** Figures are to be the same tomorrow: no precision that depends on a measurement. */
  private static TextToImage open(Path folder) {
    return ModelFolder.open(folder, Device.CPU, Precision.FLOAT32);
  }

  private static Candidate draw(
      String name, TextToImage model, GenerationSettings settings, Trial trial) {
    try (Progress progress =
        Display.progress(name.equals("model") ? "drawing" : "drawing with " + name)) {
      return Candidate.measure(name, model, settings, trial, progress);
    }
  }

  private GenerationSettings settings(GenerationSettings defaults) {
    GenerationSettings settings = steps == null ? defaults : defaults.withSteps(steps);
    settings = guidance == null ? settings : settings.withGuidance(guidance);
    return sampler == null ? settings : settings.withSampler(GenerationSettings.sampler(sampler));
  }

  /**
   * All that was measured.
   *
   * @param standing what the prompts are to the models
   * @param seeds the model, or several of one recipe
   * @param others that it is compared with
   */
  private record Result(
      Trial trial,
      Corpus.Standing standing,
      List<Candidate> seeds,
      List<Candidate> others,
      Measurement real,
      Evaluation.@Nullable NoiseFloor floor) {
    List<Measurement> measurements() {
      return seeds.stream().map(Candidate::measurement).toList();
    }

    Map<Measure, Difference> differences(Candidate other) {
      return Measurement.differences(measurements(), List.of(other.measurement()));
    }
  }

  private ObjectNode json(Result result) {
    ObjectNode json = result.seeds().get(0).toJson();
    json.put("prompts", result.trial().prompts().size());
    json.put("promptsInAll", result.trial().set().all().size());
    json.put("promptsAre", result.standing().words());
    json.put("split", split.name().toLowerCase(Locale.ROOT));
    json.put("seed", seed);
    json.set("real", result.real().scores().toJson());
    Evaluation.NoiseFloor floor = result.floor();
    if (floor != null) {
      json.set("noiseFloor", floor.toJson());
    }
    if (result.seeds().size() > 1) {
      ArrayNode runs = json.putArray("runs");
      result.seeds().forEach(run -> runs.add(run.toJson()));
      ObjectNode means = json.putObject("overSeeds");
      Measurement.estimates(result.measurements())
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
    for (Candidate other : result.others()) {
      ObjectNode one = other.toJson();
      one.put("model", other.name());
      one.set("differences", Differences.toJson(result.differences(other).values()));
      against.add(one);
    }
    return json;
  }

  private void print(Result result) {
    PrintWriter to = spec.commandLine().getOut();
    Candidate first = result.seeds().get(0);
    int n = result.seeds().size();
    to.printf(
        Locale.ROOT,
        "%d %s, %d network evaluations each, judge %s%s%n%n",
        result.trial().prompts().size(),
        result.standing().words(),
        first.settings().evaluations(),
        first.scores().judge(),
        n > 1 ? ", mean of " + n + " seeds" : "");
    Map<Measure, Estimate> model = Measurement.estimates(result.measurements());
    Map<Measure, Estimate> real = Measurement.estimates(List.of(result.real()));
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("", "model", "95 %", "real", "95 %"));
    model.forEach(
        (measure, estimate) -> {
          Estimate of = real.get(measure);
          rows.add(
              List.of(
                  measure.title(),
                  figure(estimate.value() * measure.unit()),
                  interval(measure, estimate.interval()),
                  of == null ? "–" : figure(of.value() * measure.unit()),
                  of == null ? "" : interval(measure, of.interval())));
        });
    Formats.columns(rows, false, true, false, true, false).forEach(to::println);
    for (Candidate other : result.others()) {
      to.printf(
          Locale.ROOT,
          "%nmodel − %s (%d network evaluations), the same prompts and noise%n",
          other.name(),
          other.settings().evaluations());
      List<List<String>> compared = new ArrayList<>();
      result
          .differences(other)
          .forEach(
              (measure, difference) ->
                  compared.add(
                      List.of(
                          measure.title(),
                          signed(difference.value() * measure.unit()),
                          interval(measure, difference.interval()),
                          difference.verdict().words())));
      Formats.columns(compared, false, true, false, false).forEach(to::println);
    }
    Evaluation.NoiseFloor floor = result.floor();
    if (floor != null) {
      Evaluation.Spread biasFree = floor.frechetBiasFree();
      to.printf(
          Locale.ROOT,
          "%nNoise floor, two random halves of the real pictures, %d each: Fréchet %s%s raw, KID ×"
              + " 1000 %s%n",
          floor.images(),
          biasFree == null ? "" : spread(biasFree, 1) + " bias-free, ",
          spread(floor.frechet(), 1),
          spread(floor.kid(), Measure.KID.unit()));
    }
    to.printf(
        Locale.ROOT,
        "Denoising %.2f ms and decoding %.2f ms an image, %.1f images a second%n",
        first.throughput().denoiseMillis(),
        first.throughput().decodeMillis(),
        first.throughput().imagesPerSecond());
    if (n > 1) {
      to.println("Intervals hold for other prompts and for other seeds (Student's t).");
    }
    to.flush();
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
