package org.peltast.training;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Observer;
import org.peltast.distill.Trainer;
import org.peltast.evaluate.Evaluation;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.Measurement;
import org.peltast.evaluate.Scores;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.runs.Checksums;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.Progress;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The main job in one piece: distils the shipped teacher, measures student, teacher and real
 * pictures on the same prompts, held-out ones where the corpus has them, and leaves a report.
 */
public final class Demo {
  /**
   * What may be chosen.
   *
   * @param out the run folder
   * @param recipe of the distillation
   * @param minutes to distil in, with fewer updates than the recipe has if need be; null for as
   *     long as they take
   * @param weights the folder with the shipped teacher and judge
   * @param prompts to measure on, at most
   * @param spear updates of the run without a shield; 0 leaves it out
   */
  public record Options(
      Path out,
      DistillRecipe recipe,
      @Nullable Duration minutes,
      Path weights,
      int prompts,
      long spear) {}

  /** How long each part took, in seconds; distilling, and so the whole, over all processes. */
  record Seconds(double prepare, double distil, double evaluate, double total) {}

  private static final int STORY_PROMPTS = 4;
  private static final int STORY_MOMENTS = 6;

  /** So many prompts are drawn several times, for diversity: an eighth of what is drawn anyway. */
  private static final int DIVERSE_PROMPTS = 16;

  private static final int SAMPLES = 3;
  private static final int SPEAR_BATCH = 16;

  private final Options options;
  private final Function<String, Progress> progress;
  private final Consumer<String> notices;
  private final BooleanSupplier interrupted;

  /**
   * A demonstration; {@code progress} shows a stage of that title, {@code notices} hears warnings.
   */
  public Demo(
      Options options,
      Function<String, Progress> progress,
      Consumer<String> notices,
      BooleanSupplier interrupted) {
    this.options = options;
    this.progress = progress;
    this.notices = notices;
    this.interrupted = interrupted;
  }

  /** Runs, or goes on with, the demonstration. */
  public Trainer.End run() {
    long begin = System.nanoTime();
    DistillRecipe recipe = options.recipe();
    recipe.data().requirePictures(); // to measure beside
    Device device = Devices.of(recipe.device());
    try (RunFolder folder = RunFolder.open(options.out(), notices);
        TextToImage teacher =
            ModelFolder.open(recipe.source(), device, Precision.parse(recipe.precision(), device));
        Judge judge = JudgeFolder.at(options.weights().resolve("judge")).load(device);
        Progress preparing = progress.apply("preparing pictures")) {
      requireSeen(judge, teacher);
      Corpus corpus = Corpus.open(recipe.data(), preparing, notices);
      record(folder, corpus);
      double prepared = since(begin);

      Trainer.End end;
      double distilled;
      double earlier; // of it, in other processes
      try (StudentTraining distillation = new StudentTraining(recipe, teacher)) {
        Map<String, String> origin = Origin.of(folder);
        Story watched = story("shield", corpus, () -> distillation.student(origin));
        watched.begin();
        long started = System.nanoTime();
        end = distil(distillation, corpus, folder, watched);
        double here = since(started);
        distilled = Math.max(here, updating(folder));
        earlier = distilled - here;
        if (end == Trainer.End.STOPPED) {
          return end;
        }
        long updates = updates(folder);
        watched.end(updates);
        if (updates < recipe.run().updates()) {
          notices.accept(
              String.format(
                  Locale.ROOT,
                  "%d of %d updates fitted the time; --updates %2$d takes the time for all of"
                      + " them.",
                  updates,
                  recipe.run().updates()));
        }
        if (spear(teacher, corpus) == Trainer.End.STOPPED) {
          return Trainer.End.STOPPED;
        }
        long measuring = System.nanoTime();
        try (Scope scope = Scope.open()) {
          TextToImage student = distillation.student(origin);
          ModelFolder.write(options.out().resolve("student"), student, DType.BFLOAT16);
          Results results = measure(teacher, student, judge, corpus);
          Seconds seconds =
              new Seconds(prepared, distilled, since(measuring), earlier + since(begin));
          samples(results);
          folder.write(options.out().resolve("metrics.json"), json(results, updates, seconds));
          DemoReport.write(folder);
        }
      }
      return Trainer.End.FINISHED;
    } catch (StoppedException e) {
      return Trainer.End.STOPPED;
    }
  }

  /** Refuses at the beginning what could not be measured at the end. */
  private void requireSeen(Judge judge, TextToImage teacher) {
    int edge = judge.config().imageSize();
    int height = teacher.defaults().height();
    int width = teacher.defaults().width();
    int real = options.recipe().data().size();
    if (height != width || height % edge != 0 || real % edge != 0) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "the judge sees square pictures of %d pixels or a whole multiple of that, but this"
                  + " teacher draws %d × %d and data.size is %d; choose others, or distil without"
                  + " measuring by 'peltast distill'.",
              edge,
              height,
              width,
              real));
    }
  }

  private void record(RunFolder folder, Corpus corpus) {
    folder.writeRecipe(Recipes.over(DistillRecipe.defaults()).write(options.recipe()));
    Map<String, String> inputs = StudentTraining.inputs(options.recipe().source(), corpus);
    inputs.put("judge", Checksums.sha256(options.weights().resolve("judge")));
    Origin.settle(folder, options.recipe().seed(), inputs);
  }

  private Story story(String name, Corpus corpus, java.util.function.Supplier<TextToImage> model) {
    return new Story(
        Story.folder(options.out(), name),
        corpus.examples(STORY_PROMPTS).captions(),
        options.recipe().seed(),
        STORY_MOMENTS,
        model);
  }

  private Trainer.End distil(
      StudentTraining distillation, Corpus corpus, RunFolder folder, Story story) {
    List<Observer> observers = new ArrayList<>();
    if (options.minutes() != null) {
      observers.add(new TimeLimit(options.minutes(), options.recipe().plateau()));
    }
    try (Progress shown = progress.apply("distilling");
        Events events = new Events(folder.events())) {
      observers.addAll(List.of(TeacherTraining.shown(shown), events, story));
      return distillation.run(corpus, folder, observers, interrupted);
    }
  }

  /** The same start with the engine alone, until it falls apart. */
  private Trainer.End spear(TextToImage teacher, Corpus corpus) {
    long updates = options.spear();
    if (updates == 0) {
      return Trainer.End.FINISHED;
    }
    RunRecipe main = options.recipe().run();
    DistillRecipe recipe =
        options
            .recipe()
            .withoutRegulariser(
                new RunRecipe(
                    updates,
                    Math.min(SPEAR_BATCH, main.batch()),
                    1,
                    main.checkpointEvery(),
                    1,
                    0,
                    main.memory()));
    try (StudentTraining alone = new StudentTraining(recipe, teacher);
        RunFolder folder = RunFolder.open(options.out().resolve("spear"), notices);
        Progress shown = progress.apply("the spear alone")) {
      Story story = story("spear", corpus, () -> alone.student(Map.of()));
      story.begin();
      return alone.run(corpus, folder, List.of(TeacherTraining.shown(shown), story), interrupted);
    }
  }

  /**
   * All that was measured.
   *
   * @param candidates what the teacher can do at the student's cost, the lowest distance first
   */
  record Results(
      Trial trial,
      Candidate student,
      Candidate teacher,
      Candidate teacherSameCost,
      Candidate teacherSameSteps,
      List<Candidate> candidates,
      Tensor realImages,
      Scores real,
      Evaluation.@Nullable NoiseFloor floor) {
    List<Candidate> measured() {
      return List.of(student, teacher, teacherSameCost, teacherSameSteps);
    }
  }

  /** Pictures being drawn, which is where a demonstration that has distilled can be stopped. */
  private Progress drawing(String title) {
    Progress shown = progress.apply(title);
    return new Progress() {
      @Override
      public void step(long done, long total, Map<String, Double> figures) {
        shown.step(done, total, figures);
        if (interrupted.getAsBoolean()) {
          throw new StoppedException();
        }
      }

      @Override
      public void close() {
        shown.close();
      }
    };
  }

  /** Asked to stop while it measures: all that came before is saved. */
  private static final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private Results measure(TextToImage teacher, TextToImage student, Judge judge, Corpus corpus) {
    Trial trial =
        new Trial(
            judge,
            JudgeFolder.at(options.weights().resolve("judge")),
            teacher.textEncoder(),
            corpus.measured(options.prompts()),
            DIVERSE_PROMPTS,
            SAMPLES,
            options.recipe().seed());
    GenerationSettings full = teacher.defaults();
    int n = options.recipe().steps();
    Candidate best;
    List<Candidate> candidates = new ArrayList<>();
    try (Progress shown = drawing("drawing with the student")) {
      best = Candidate.measure("student", student, student.defaults(), trial, shown);
    }
    try (Progress shown = drawing("drawing with the teacher at the student's cost")) {
      for (GenerationSettings settings : Candidate.sameCost(full, n)) {
        candidates.add(Candidate.measure("teacherSameCost", teacher, settings, trial, shown));
      }
      candidates.sort(Comparator.comparingDouble(c -> c.scores().frechet()));
    }
    Candidate sameSteps;
    try (Progress shown = drawing("drawing with the teacher in as many steps")) {
      sameSteps = Candidate.measure("teacherSameSteps", teacher, full.withSteps(n), trial, shown);
    }
    Candidate slow;
    try (Progress shown = drawing("drawing with the teacher, all its steps")) {
      slow = Candidate.measure("teacher", teacher, full, trial, shown);
    }
    return new Results(
        trial,
        best,
        slow,
        candidates.get(0),
        sameSteps,
        candidates,
        trial.set().examples().real(),
        trial.real().scores(),
        trial.noiseFloor());
  }

  private void samples(Results results) {
    Path folder = options.out().resolve("samples");
    Map<String, Tensor> sets = new LinkedHashMap<>();
    sets.put("student", results.student().images());
    sets.put("teacher", results.teacher().images());
    sets.put("teacher-same-cost", results.teacherSameCost().images());
    sets.put("real", results.realImages());
    sets.forEach((name, images) -> Pictures.writeAll(folder.resolve(name), Pictures.of(images)));
    try {
      java.nio.file.Files.writeString(
          folder.resolve("prompts.txt"),
          String.join("\n", results.trial().set().examples().captions()) + "\n");
    } catch (java.io.IOException e) {
      throw new RunException(
          "cannot write " + folder.resolve("prompts.txt") + " (" + e.getMessage() + ")", e);
    }
  }

  /** The seconds that all updates took, in this process and in those before it. */
  private static double updating(RunFolder folder) {
    return MetricsLog.read(folder.metrics()).stream()
        .mapToDouble(
            line -> line.metrics().get("seconds") instanceof Number n ? n.doubleValue() : 0)
        .sum();
  }

  /** The updates really done: fewer than the recipe's where these had not fitted the time. */
  static long updates(RunFolder folder) {
    List<MetricsLog.Line> log = MetricsLog.read(folder.metrics());
    return log.isEmpty() ? 0 : log.get(log.size() - 1).update();
  }

  private String json(Results results, long updates, Seconds seconds) {
    JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    ObjectNode root = mapper.createObjectNode();
    root.put("updates", updates);
    Corpus.Measured set = results.trial().set();
    root.put("prompts", set.examples().size());
    root.put("promptsInAll", set.all().size());
    root.put("promptsAre", set.standing().words());
    root.put("samples", SAMPLES);
    root.put("samplePrompts", Math.min(DIVERSE_PROMPTS, set.examples().size()));
    root.put("seed", options.recipe().seed());
    ObjectNode times = root.putObject("seconds");
    times.put("prepare", seconds.prepare());
    times.put("distil", seconds.distil());
    times.put("evaluate", seconds.evaluate());
    times.put("total", seconds.total());
    for (Candidate c : results.measured()) {
      root.set(c.name(), c.toJson());
    }
    ObjectNode real = results.real().toJson();
    real.put("steps", 0).put("guidance", 1).put("evaluations", 0).put("imagesPerSecond", 0);
    Evaluation.NoiseFloor floor = results.floor();
    if (floor != null) {
      real.set("noiseFloor", floor.toJson());
    }
    root.set("real", real);
    ObjectNode differences = root.putObject("differences");
    Measurement student = results.student().measurement();
    for (Candidate other :
        List.of(results.teacher(), results.teacherSameCost(), results.teacherSameSteps())) {
      differences.set(
          other.name(), Differences.toJson(student.minus(other.measurement()).values()));
    }
    return mapper.writeValueAsString(root) + "\n";
  }

  static double since(long begin) {
    return (System.nanoTime() - begin) / 1e9;
  }
}
