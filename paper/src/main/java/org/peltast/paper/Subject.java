package org.peltast.paper;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Evaluation;
import org.peltast.evaluate.FeatureTable;
import org.peltast.evaluate.GaussianStatistics;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.Measure;
import org.peltast.evaluate.Measurement;
import org.peltast.evaluate.Prompt;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.models.text.CachedTextEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.runs.Checksums;
import org.peltast.runs.Progress;
import org.peltast.runs.RunException;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.training.Corpus;
import org.peltast.training.DataRecipe;
import org.peltast.training.Examples;
import tools.jackson.databind.json.JsonMapper;

/**
 * What experiments are made with: an open teacher, the data, the judge, and prompts to measure on
 * in two splits. Choices are made on validation prompts; test prompts are reported, and nothing is
 * chosen on them. Students learn from neither.
 */
final class Subject implements AutoCloseable {
  /** Of noise and resampling that all runs have in common. */
  static final long SEED = 1;

  /** What stands for a figure that is not finite. */
  static final double RUIN = 1e30;

  private static final int TOGETHER = 32;

  /**
   * One of the two splits.
   *
   * @param prompts in the order in which they are drawn
   * @param real features of their real pictures; null if the teacher's samples stand for these
   * @param evaluation with the reference of both
   */
  private record Split(List<Prompt> prompts, @Nullable FeatureTable real, Evaluation evaluation) {}

  /**
   * What a model drew.
   *
   * @param latentVariance of an image's latents, averaged; {@link #RUIN} if not finite
   * @param images [n, 3, H, W] in [0, 1] on the CPU, in the caller's scope
   */
  record Drawn(double latentVariance, Tensor images) {}

  /** Captions are drawn again and again: as many features are kept as this holds. */
  private static final long TEXT_MEMORY = 200L << 20;

  private final TextToImage opened; // with what it closes
  private final TextToImage teacher; // the same, its captions cached
  private final Judge judge;
  private final Corpus corpus;
  private final Protocol protocol;
  private final String identity;
  private final Split validation;
  private final Split test;
  private final Path cache;
  private @Nullable Double teacherVariance; // null until it is asked for

  /**
   * Opens all.
   *
   * @param source of the teacher
   * @param dataOf what students learn from and are measured on, for pictures of an edge
   * @param judgeFolder the judge
   * @param cache folder for what the teacher draws
   * @param notices hears what is left out
   */
  Subject(
      ModelSource source,
      IntFunction<DataRecipe> dataOf,
      Path judgeFolder,
      Device device,
      Protocol protocol,
      Path cache,
      Consumer<String> notices,
      Progress progress) {
    this.protocol = protocol;
    this.cache = cache;
    this.judge = JudgeFolder.at(judgeFolder).load(device);
    this.opened = ModelFolder.open(source, device, Precision.FLOAT32);
    this.teacher = cached(opened);
    DataRecipe data = dataOf.apply(teacher.defaults().height());
    requireSeen(data);
    this.corpus = Corpus.open(data.withValidation(true), progress, notices);
    this.identity =
        String.join(
            "\n",
            Checksums.sha256(source.files()),
            new TreeMap<>(corpus.inputs()).values().toString(),
            JudgeFolder.at(judgeFolder).checksum(),
            protocol.toString());
    if (corpus instanceof Corpus.OfEmoji) {
      GaussianStatistics reference = JudgeFolder.at(judgeFolder).reference();
      this.validation = pictured(corpus.measured(protocol.validation()).examples(), reference);
      Corpus held = Corpus.open(data.withValidation(false), progress, notices);
      this.test = pictured(held.measured(protocol.test()).examples(), reference);
    } else if (!corpus.pictures().isEmpty()) {
      Corpus.Measured measured = corpus.measured(protocol.validation() + protocol.test());
      Examples examples = measured.examples();
      GaussianStatistics reference =
          GaussianStatistics.of(see(measured.reference().orElseGet(measured::all)));
      int most = Math.max(2, examples.size() / 3); // the rest are test prompts
      int first = Math.min(most, protocol.validation());
      this.validation = pictured(part(examples, 0, first), reference);
      this.test = pictured(part(examples, first, examples.size()), reference);
    } else {
      List<Prompt> prompts = corpus.examples(protocol.validation() + protocol.test()).prompts();
      int first = Math.min(Math.max(2, prompts.size() / 3), protocol.validation());
      if (prompts.size() - first < 2) {
        throw new RunException(
            "the list of prompts has "
                + prompts.size()
                + " of them, but four or more are needed: some to choose on, some to report");
      }
      notices.accept(
          "The prompts have no pictures, so the teacher's samples stand for real ones; variants"
              + " that learn from images are left out.");
      GaussianStatistics reference = GaussianStatistics.of(samples(prompts));
      Evaluation evaluation = new Evaluation(judge, teacher.textEncoder(), reference, SEED);
      this.validation = new Split(prompts.subList(0, first), null, evaluation);
      this.test = new Split(prompts.subList(first, prompts.size()), null, evaluation);
    }
  }

  /** A large encoder has a way of its own to be put away. */
  private static TextToImage cached(TextToImage model) {
    TextEncoder encoder = model.textEncoder();
    return encoder.isLarge()
        ? model
        : TextToImage.of(
            model.network(),
            model.schedule(),
            model.codec(),
            CachedTextEncoder.inMemory(encoder, TEXT_MEMORY), // not closed: what it wraps is
            model.defaults(),
            model.provenance());
  }

  private static Examples part(Examples of, int from, int to) {
    return new Examples(of.collection(), of.indices().subList(from, to));
  }

  /** Refuses at the beginning what could not be measured at the end. */
  private void requireSeen(DataRecipe data) {
    int edge = judge.config().imageSize();
    int height = teacher.defaults().height();
    int width = teacher.defaults().width();
    if (height != width || height % edge != 0 || data.size() % edge != 0) {
      close();
      throw new RunException(
          String.format(
              Locale.ROOT,
              "the judge sees square pictures of %d pixels or a whole multiple of that, but this teacher draws %d × %d; choose a teacher that draws such pictures.",
              edge,
              width,
              height));
    }
  }

  private Split pictured(Examples examples, GaussianStatistics reference) {
    return new Split(
        examples.prompts(),
        see(examples),
        new Evaluation(judge, teacher.textEncoder(), reference, SEED));
  }

  /** The judge's features of real pictures, in parts that fit memory. */
  private FeatureTable see(Examples examples) {
    List<FeatureTable> parts = new ArrayList<>();
    for (int from = 0; from < examples.size(); from += TOGETHER) {
      try (Scope scope = Scope.open()) {
        Examples some = part(examples, from, Math.min(from + TOGETHER, examples.size()));
        parts.add(judge.see(some.real()).features());
      }
    }
    return FeatureTable.joined(parts);
  }

  private FeatureTable samples(List<Prompt> prompts) {
    try (Scope scope = Scope.open()) {
      return judge.see(teacherDrew(captions(prompts)).images()).features();
    }
  }

  /** The teacher. */
  TextToImage teacher() {
    return teacher;
  }

  /** What students learn from. */
  Corpus corpus() {
    return corpus;
  }

  /** What runs are measured by. */
  Protocol protocol() {
    return protocol;
  }

  /** Names all that is not in a recipe and decides a run: checksums, and what it is measured on. */
  String identity() {
    return identity;
  }

  /** The captions of test prompts, in order; of validation prompts for {@code chosen}. */
  List<String> captions(boolean chosen) {
    return captions((chosen ? validation : test).prompts());
  }

  private static List<String> captions(List<Prompt> prompts) {
    return prompts.stream().map(Prompt::caption).toList();
  }

  /** The captions of the test prompts that are drawn again, for diversity. */
  List<String> again() {
    List<Prompt> diverse = diverse();
    List<String> all = new ArrayList<>();
    for (int sample = 1; sample < Protocol.SAMPLES; sample++) {
      all.addAll(captions(diverse));
    }
    return all;
  }

  private List<Prompt> diverse() {
    return test.prompts().subList(0, Math.min(protocol.diverse(), test.prompts().size()));
  }

  /** Draws with a model's own settings; as many empty captions if it knows no others. */
  Drawn draw(TextToImage model, List<String> captions, boolean unconditional, long seed) {
    return draw(model, captions, unconditional, seed, Progress.NONE);
  }

  private static Drawn draw(
      TextToImage model,
      List<String> captions,
      boolean unconditional,
      long seed,
      Progress progress) {
    List<String> asked = unconditional ? Collections.nCopies(captions.size(), "") : captions;
    double[] variance = {0};
    Tensor images =
        Scope.compute(
            () -> {
              Tensor latents =
                  model.generateLatents(
                      asked,
                      seed,
                      model.defaults(),
                      TOGETHER,
                      done -> progress.step(done, asked.size(), Map.of()));
              variance[0] = latents.to(DType.FLOAT64).variance(false, 1, 2, 3).mean().item();
              List<Tensor> parts = new ArrayList<>();
              for (int from = 0; from < asked.size(); from += TOGETHER) {
                int count = Math.min(TOGETHER, asked.size() - from);
                parts.add(model.decode(latents.narrow(0, from, count).to(model.device())));
              }
              return Tensor.cat(parts, 0);
            });
    return new Drawn(Double.isFinite(variance[0]) ? variance[0] : RUIN, images);
  }

  /** What the teacher draws of captions with all its steps, drawn once for all runs. */
  Drawn teacherDrew(List<String> captions) {
    return teacherDrew(captions, Progress.NONE);
  }

  private Drawn teacherDrew(List<String> captions, Progress progress) {
    String key =
        Checksums.sha256(
                String.join("\n", List.of(identityOfTeacher(), String.join("\n", captions)))
                    .getBytes(StandardCharsets.UTF_8))
            .substring(0, 16);
    Path pictures = cache.resolve(key + ".png");
    Path figures = cache.resolve(key + ".json");
    int height = teacher.defaults().height();
    int width = teacher.defaults().width();
    if (!Files.exists(figures)) {
      try (Scope scope = Scope.open()) {
        Drawn drawn = draw(teacher, captions, false, SEED, progress);
        PictureSheet.write(pictures, drawn.images());
        PictureSheet.write(
            figures,
            JsonMapper.builder()
                .build()
                .writeValueAsBytes(Map.of("latentVariance", drawn.latentVariance())));
      }
    }
    try {
      double variance =
          JsonMapper.builder()
              .build()
              .readTree(Files.readAllBytes(figures))
              .path("latentVariance")
              .asDouble(Double.NaN);
      return new Drawn(variance, PictureSheet.read(pictures, captions.size(), width, height));
    } catch (java.io.IOException e) {
      throw new RunException("cannot read " + figures + " (" + e.getMessage() + ")", e);
    }
  }

  private String identityOfTeacher() {
    GenerationSettings settings = teacher.defaults();
    return String.format(
        Locale.ROOT,
        "%s %d × %d, %s, %s %s",
        identity.lines().findFirst().orElse(""),
        settings.width(),
        settings.height(),
        settings.grid(),
        settings.guidance().alpha(),
        GenerationSettings.name(settings.sampler()));
  }

  /** Draws with the teacher what runs are compared with, if nobody has before. */
  void prepare(Progress progress) {
    try (Scope scope = Scope.open()) {
      teacherVariance = teacherDrew(captions(false), progress).latentVariance();
    }
  }

  /**
   * The variance of the latents that the teacher draws of the test prompts; drawn now if nobody has
   * {@linkplain #prepare prepared} it.
   */
  double teacherVariance() {
    if (teacherVariance == null) {
      prepare(Progress.NONE);
    }
    return Objects.requireNonNull(teacherVariance);
  }

  /** Measures pictures of the validation prompts. */
  Map<String, Double> measureValidation(Tensor images) {
    return values(
        validation.evaluation().measure(images, validation.prompts(), validation.real(), null));
  }

  /**
   * Measures pictures of the test prompts.
   *
   * @param more of the captions of {@link #again}; null without diversity
   */
  Measurement measureTest(Tensor images, @Nullable Tensor more) {
    Evaluation.Samples samples = null;
    if (more != null) {
      List<Prompt> all = new ArrayList<>(diverse());
      for (int sample = 1; sample < Protocol.SAMPLES; sample++) {
        all.addAll(diverse());
      }
      samples =
          new Evaluation.Samples(
              Tensor.cat(List.of(images.narrow(0, 0, diverse().size()), more), 0), all);
    }
    return test.evaluation().measure(images, test.prompts(), test.real(), samples);
  }

  /** Alignment of the test prompts by family, for families with four prompts or more. */
  Map<String, Double> alignmentByFamily(Tensor images) {
    Map<String, List<Integer>> families = new TreeMap<>();
    List<Prompt> prompts = test.prompts();
    IntStream.range(0, prompts.size())
        .filter(i -> !prompts.get(i).family().isEmpty())
        .forEach(
            i -> families.computeIfAbsent(prompts.get(i).family(), f -> new ArrayList<>()).add(i));
    Map<String, Double> all = new TreeMap<>();
    families.forEach(
        (family, members) -> {
          if (members.size() >= 4) {
            try (Scope scope = Scope.open()) {
              Tensor some =
                  images.indexSelect(
                      0,
                      Tensor.of(
                          members.stream().mapToLong(Integer::longValue).toArray(),
                          members.size()));
              List<Prompt> asked = members.stream().map(prompts::get).toList();
              all.put(family, test.evaluation().score(some, asked).alignment());
            }
          }
        });
    return all;
  }

  /** All that was measured, by key; what is not finite is left out. */
  static Map<String, Double> values(Measurement measurement) {
    Map<String, Double> all = new TreeMap<>();
    for (Measure measure : Measure.values()) {
      Double value = measurement.scores().of(measure);
      if (value != null && Double.isFinite(value)) {
        all.put(measure.key(), value);
      }
    }
    return all;
  }

  /** Whether the data has pictures, which some methods learn from. */
  boolean hasPictures() {
    return !corpus.pictures().isEmpty();
  }

  @Override
  public void close() {
    try {
      judge.close();
    } finally {
      opened.close();
    }
  }
}
