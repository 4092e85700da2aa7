package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.compare.Comparison;
import org.peltast.models.GenerationSettings;
import org.peltast.tensor.Scope;
import org.peltast.training.DataRecipe;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

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

  @Mixin private SourceOptions source;

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
    List<Path> folders = models.isEmpty() ? List.of(Places.shipped("student")) : models;
    if (source.transformer() != null && folders.size() > 1) {
      throw new CommandException("--transformer is the network of one --model, not of several.");
    }
    NativeLibraries.open();
    Comparison.Options options =
        new Comparison.Options(
            folders.stream().map(source::in).toList(),
            others,
            judgeFolder == null ? Places.shipped("judge") : judgeFolder,
            DataRecipe.defaults()
                .of(images)
                .withValidation(split == Split.VALIDATION)
                .withCaptionKey(captionKey),
            count,
            samples,
            seed,
            this::settings);
    try (Scope scope = Scope.open()) {
      Comparison found = Comparison.measure(options, Display::progress, Display::notice);
      PrintWriter to = spec.commandLine().getOut();
      found.lines().forEach(to::println);
      to.flush();
      if (out != null) {
        Files.writeString(
            out,
            JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .build()
                    .writeValueAsString(found.toJson())
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
}
