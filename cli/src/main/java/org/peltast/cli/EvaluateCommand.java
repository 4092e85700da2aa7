package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Evaluation;
import org.peltast.evaluate.FeatureTable;
import org.peltast.evaluate.GaussianStatistics;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.Scores;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.runs.Progress;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.training.Candidate;
import org.peltast.training.Corpus;
import org.peltast.training.DataRecipe;
import org.peltast.training.Examples;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

@Command(
    name = "evaluate",
    description = {
      "Measures a model on held-out prompts, beside real pictures and the noise floor.",
      "Fréchet distance, alignment, retrieval and family accuracy are taken in the features of the judge of this project; the distance is not FID. Intervals are 95 %%, by bootstrap."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast evaluate --model output/demo/student",
      "  peltast evaluate --model weights/teacher --steps 2 --guidance 1 --out teacher-two-steps.json",
      "  peltast evaluate --model output/mine/student --images my-pictures"
    })
final class EvaluateCommand implements Callable<Integer> {
  /** Draws of real pictures from which the floor's spread is taken. */
  private static final int FLOOR_DRAWS = 8;

  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "the model folder (default: the shipped student)")
  private @Nullable Path model;

  @Option(
      names = "--judge",
      paramLabel = "DIR",
      description = "the judge's folder (default: the shipped one)")
  private @Nullable Path judgeFolder;

  @Option(
      names = "--images",
      paramLabel = "emoji|DIR",
      description =
          "the captioned pictures to measure beside: the held-out emoji, or all of a folder (default: ${DEFAULT-VALUE})")
  private String images = "emoji";

  @Option(
      names = "--split",
      paramLabel = "test|validation",
      description =
          "which held-out emoji: those that reports alone read, or those that choices are made on (default: ${DEFAULT-VALUE})")
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
      description =
          "prompts at most; figures compare for equal N alone (default: ${DEFAULT-VALUE})")
  private int count = 256;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "of noise and bootstrap (default: ${DEFAULT-VALUE})")
  private long seed = 1;

  @Option(names = "--steps", paramLabel = "N", description = "steps of equal length")
  private @Nullable Integer steps;

  @Option(names = "--guidance", paramLabel = "ALPHA", description = "α of u + α(c − u); 1 is none")
  private @Nullable Double guidance;

  @Option(names = "--sampler", paramLabel = "NAME", description = "euler, ddim or renoise")
  private @Nullable String sampler;

  @Option(names = "--out", paramLabel = "FILE.json", description = "write the figures as JSON too")
  private @Nullable Path out;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  EvaluateCommand() {}

  @Override
  public Integer call() throws IOException {
    if (count < 2) {
      throw new CommandException("--prompts must be at least 2: a distance needs a spread.");
    }
    if (steps != null && (steps < 1 || steps > 1000)) {
      throw new CommandException("--steps must be from 1 to 1000.");
    }
    NativeLibraries.open();
    JudgeFolder judged =
        JudgeFolder.at(judgeFolder == null ? Places.shipped("judge") : judgeFolder);
    // Figures are to be the same tomorrow: no precision that depends on a measurement.
    try (TextToImage opened =
            ModelFolder.open(
                model == null ? Places.shipped("student") : model, Device.CPU, Precision.FLOAT32);
        Judge judge = judged.load(Device.CPU);
        Scope scope = Scope.open()) {
      GenerationSettings settings = settings(opened.defaults());
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
      Examples heldOut = corpus.examples(count);
      FeatureTable seen = judge.see(corpus.examples(Integer.MAX_VALUE).real()).features();
      // The judge's folder has the statistics of the emoji; other pictures are measured anew.
      GaussianStatistics reference =
          images.equals("emoji") ? judged.reference() : GaussianStatistics.of(seen);
      if (!reference.isSpread()) {
        Display.notice(
            "The real pictures all look the same to the judge: diversity, which is measured in units of their spread, is left out.");
      }
      Evaluation evaluation = new Evaluation(judge, opened.textEncoder(), reference, seed);
      Candidate measured;
      try (Progress progress = Display.progress("drawing")) {
        measured =
            Candidate.measure(
                "model", opened, settings, heldOut.prompts(), evaluation, seed, progress);
      }
      Scores real = evaluation.score(heldOut.real(), heldOut.prompts());
      Evaluation.NoiseFloor floor = evaluation.noiseFloor(seen, heldOut.size(), FLOOR_DRAWS);
      print(measured, real, floor);
      if (out != null) {
        ObjectNode json = measured.toJson();
        json.put("prompts", heldOut.size());
        json.put("split", split.name().toLowerCase(Locale.ROOT));
        json.put("seed", seed);
        json.set("real", real.toJson());
        json.put("frechetNoiseFloor", floor.frechet());
        json.put("frechetNoiseFloorDeviation", floor.deviation());
        Files.writeString(
            out,
            JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .build()
                    .writeValueAsString(json)
                + "\n");
      }
    }
    return ExitCode.OK;
  }

  private GenerationSettings settings(GenerationSettings defaults) {
    GenerationSettings settings = steps == null ? defaults : defaults.withSteps(steps);
    settings = guidance == null ? settings : settings.withGuidance(guidance);
    return sampler == null ? settings : settings.withSampler(GenerationSettings.sampler(sampler));
  }

  private void print(Candidate measured, Scores real, Evaluation.NoiseFloor floor) {
    PrintWriter to = spec.commandLine().getOut();
    Scores s = measured.scores();
    to.printf(
        Locale.ROOT,
        "%d pictures, %d network evaluations each, judge %s%n%n",
        s.images(),
        measured.settings().evaluations(),
        s.judge());
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("", "model", "95 %", "real", "95 %"));
    row(rows, "Fréchet distance", "frechet", 1, s, s.frechet(), real, real.frechet());
    row(rows, "alignment", "alignment", 1, s, s.alignment(), real, real.alignment());
    row(
        rows,
        "retrieval@10, %",
        "retrievalAt10",
        100,
        s,
        s.retrievalAt10(),
        real,
        real.retrievalAt10());
    row(
        rows,
        "family accuracy, %",
        "familyAccuracy",
        100,
        s,
        s.familyAccuracy(),
        real,
        real.familyAccuracy());
    row(rows, "diversity", "diversity", 1, s, s.diversity(), real, real.diversity());
    row(rows, "variance", "variance", 1, s, s.variance(), real, real.variance());
    row(rows, "saturation", "saturation", 1, s, s.saturation(), real, real.saturation());
    row(rows, "colour cast", "colourCast", 1, s, s.colourCast(), real, real.colourCast());
    Formats.columns(rows, false, true, false, true, false).forEach(to::println);
    to.printf(
        Locale.ROOT,
        "%nFréchet noise floor, real against real at this n: %.3f ± %.3f%n"
            + "Denoising %.2f ms and decoding %.2f ms an image, %.1f images a second%n",
        floor.frechet(),
        floor.deviation(),
        measured.throughput().denoiseMillis(),
        measured.throughput().decodeMillis(),
        measured.throughput().imagesPerSecond());
    to.flush();
  }

  /** The held-out pairs of the emoji corpus. */
  private enum Split {
    TEST,
    VALIDATION
  }

  /** A figure that was not measured on either leaves its row out. */
  private static void row(
      List<List<String>> rows,
      String title,
      String name,
      double unit,
      Scores model,
      @Nullable Double ofModel,
      Scores real,
      @Nullable Double ofReal) {
    if (ofModel != null) {
      rows.add(
          List.of(
              title,
              figure(ofModel * unit),
              interval(model, name, unit),
              ofReal == null ? "–" : figure(ofReal * unit),
              ofReal == null ? "" : interval(real, name, unit)));
    }
  }

  private static String interval(Scores scores, String name, double unit) {
    Interval interval = scores.intervals().get(name);
    return interval == null
        ? ""
        : figure(interval.low() * unit) + " – " + figure(interval.high() * unit);
  }

  private static String figure(double value) {
    String text = String.format(Locale.ROOT, Math.abs(value) >= 10 ? "%.1f" : "%.3f", value);
    return text.equals("-0.000") ? "0.000" : text;
  }
}
