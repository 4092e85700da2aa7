package org.peltast.demo;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.peltast.compare.Candidate;
import org.peltast.compare.Differences;
import org.peltast.compare.Trial;
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
import org.peltast.training.Corpus;
import org.peltast.training.Devices;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Events;
import org.peltast.training.Examples;
import org.peltast.training.Origin;
import org.peltast.training.Pictures;
import org.peltast.training.RunRecipe;
import org.peltast.training.StudentTraining;
import org.peltast.training.TeacherTraining;
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
   * @param within for everything, with less of it if need be; null for as long as it takes
   * @param weights the folder with the shipped teacher, judge and drawn latents
   * @param prompts to measure on, at most; null for all, or fewer if the time is short
   * @param spear updates of the run without a shield, 0 leaves it out; null for enough to fall
   *     apart, or none if the time is short
   * @param redraw whether the teacher draws all its pictures, even where they are shipped
   */
  public record Options(
      Path out,
      DistillRecipe recipe,
      @Nullable Duration minutes,
      @Nullable Duration within,
      Path weights,
      @Nullable Integer prompts,
      @Nullable Long spear,
      boolean redraw) {}

  /** How long each part took, in seconds; distilling, and so the whole, over all processes. */
  record Seconds(double prepare, double distil, double evaluate, double total) {}

  private static final int STORY_PROMPTS = 4;
  private static final int STORY_MOMENTS = 6;

  /** So many prompts are drawn several times, for diversity: an eighth of what is drawn anyway. */
  private static final int DIVERSE_PROMPTS = 16;

  private static final int SAMPLES = 3;

  /** Of these prompts, those whose samples are shown. */
  static final int VARIED = 6;

  private static final int SPEAR_BATCH = 16;

  /** By so many updates the spear alone has fallen apart for all to see. */
  private static final long SPEAR_UPDATES = 90;

  /** So many updates show a pace. */
  private static final int PACE_UPDATES = 4;

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
        Progress preparing = progress.apply("preparing pictures");
        Scope scopeOfShipped = Scope.open()) {
      requireSeen(judge, teacher);
      Corpus corpus = Corpus.open(recipe.data(), preparing, notices);
      String checksum = record(folder, corpus);
      double prepared = since(begin);
      TeacherPictures slow =
          new TeacherPictures(
              teacher,
              checksum,
              recipe.seed(),
              shipped(),
              folder.samples().resolve("teacher.safetensors"));
      DemoPlan plan = plan(folder, teacher, slow, judge, corpus, begin);

      Trainer.End end;
      double distilled;
      double earlier; // of it, in other processes
      try (StudentTraining distillation = new StudentTraining(recipe, teacher)) {
        Map<String, String> origin = Origin.of(folder);
        Story watched = story("shield", corpus, () -> distillation.student(origin));
        watched.begin();
        long started = System.nanoTime();
        end = distil(distillation, corpus, folder, watched, plan);
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
        if (spear(teacher, corpus, plan.spear()) == Trainer.End.STOPPED) {
          return Trainer.End.STOPPED;
        }
        long measuring = System.nanoTime();
        try (Scope scope = Scope.open()) {
          TextToImage student = distillation.student(origin);
          ModelFolder.write(options.out().resolve("student"), student, DType.BFLOAT16);
          Results results = measure(teacher, student, slow, judge, corpus, plan.prompts());
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

  /** Writes what the run is made of; returns the teacher's checksum. */
  private String record(RunFolder folder, Corpus corpus) {
    folder.changeRecipe(Recipes.over(DistillRecipe.defaults()).write(options.recipe()));
    Map<String, String> inputs = StudentTraining.inputs(options.recipe().source(), corpus);
    inputs.put("judge", Checksums.sha256(options.weights().resolve("judge")));
    Origin.settle(folder, options.recipe().seed(), inputs);
    return Objects.requireNonNull(inputs.get("teacher"));
  }

  /** The teacher's shipped latents, unless all are to be drawn. */
  private @Nullable DrawnLatents shipped() {
    return options.redraw()
        ? null
        : DrawnLatents.read(options.weights().resolve(TeacherPictures.SHIPPED)).orElse(null);
  }

  /** The plan that the run was begun with, or one made now from what this machine does. */
  private DemoPlan plan(
      RunFolder folder,
      TextToImage teacher,
      TeacherPictures slow,
      Judge judge,
      Corpus corpus,
      long begin) {
    Path file = folder.path().resolve("plan.yaml");
    Recipes<DemoPlan> plans = Recipes.of(DemoPlan.class);
    if (java.nio.file.Files.exists(file)) {
      return plans
          .read(file)
          .insisting(
              options.prompts(),
              options.spear(),
              options.minutes() != null || options.within() != null);
    }
    Examples asked =
        corpus
            .measured(options.prompts() == null ? Integer.MAX_VALUE : options.prompts())
            .examples();
    DemoPlan.Wish wish = wish(teacher, slow, asked);
    DemoPlan.Paces paces;
    try (Progress shown = progress.apply("measuring this machine's pace");
        Scope scope = Scope.open()) {
      TeacherPictures.Pace drawn = slow.pace(asked.captions(), judge);
      shown.step(1, 2, Map.of());
      paces = new DemoPlan.Paces(drawn.evaluation(), drawn.picture(), updatePace(teacher, corpus));
      shown.step(2, 2, Map.of());
    }
    DemoPlan plan = DemoPlan.of(wish, paces, since(begin));
    plan.told(wish).forEach(notices);
    folder.write(file, plans.write(plan));
    return plan;
  }

  private DemoPlan.Wish wish(TextToImage teacher, TeacherPictures slow, Examples asked) {
    int n = options.recipe().steps();
    GenerationSettings full = teacher.defaults();
    List<GenerationSettings> drawn = new ArrayList<>(Candidate.sameCost(full, n));
    drawn.add(full.withSteps(n));
    int again = n + full.evaluations() + evaluations(drawn);
    if (!slow.areShipped(asked.captions())) {
      drawn.add(full);
    }
    Long spear = options.spear();
    return new DemoPlan.Wish(
        seconds(options.within()),
        seconds(options.minutes()),
        options.recipe().run().updates(),
        asked.size(),
        options.prompts() == null,
        spear == null ? SPEAR_UPDATES : spear,
        spear == null,
        n + evaluations(drawn),
        2 + drawn.size(),
        Math.min(DIVERSE_PROMPTS, asked.size()) * (SAMPLES - 1) * again);
  }

  private static int evaluations(List<GenerationSettings> drawn) {
    return drawn.stream().mapToInt(GenerationSettings::evaluations).sum();
  }

  private static double seconds(@Nullable Duration duration) {
    return duration == null ? Double.POSITIVE_INFINITY : duration.toMillis() / 1e3;
  }

  /** Seconds of an update, by a few of the same kind that leave nothing behind. */
  private double updatePace(TextToImage teacher, Corpus corpus) {
    Path scratch = options.out().resolve("pace");
    RunRecipe main = options.recipe().run();
    try (StudentTraining some =
            new StudentTraining(options.recipe().with(few(PACE_UPDATES, main.batch())), teacher);
        RunFolder folder = RunFolder.open(scratch, notices)) {
      some.run(corpus, folder, List.of(), interrupted);
      List<MetricsLog.Line> log = MetricsLog.read(folder.metrics());
      if (log.size() < PACE_UPDATES) {
        throw new StoppedException();
      }
      return log.stream()
          .skip(1) // compilers and memory
          .mapToDouble(
              line -> line.metrics().get("seconds") instanceof Number s ? s.doubleValue() : 0)
          .min()
          .orElseThrow();
    } finally {
      RunFolder.remove(scratch);
    }
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
      StudentTraining distillation, Corpus corpus, RunFolder folder, Story story, DemoPlan plan) {
    List<Observer> observers = new ArrayList<>();
    Duration limit = plan.limit();
    if (limit != null) {
      observers.add(new TimeLimit(limit, options.recipe().plateau()));
    }
    try (Progress shown = progress.apply("distilling");
        Events events = new Events(folder.events())) {
      observers.addAll(List.of(TeacherTraining.shown(shown), events, story));
      return distillation.run(corpus, folder, observers, interrupted);
    }
  }

  private RunRecipe few(long updates, int batch) {
    RunRecipe main = options.recipe().run();
    return new RunRecipe(updates, batch, 1, main.checkpointEvery(), 1, 0, main.memory());
  }

  /** The same start with the engine alone, until it falls apart. */
  private Trainer.End spear(TextToImage teacher, Corpus corpus, long updates) {
    if (updates == 0) {
      return Trainer.End.FINISHED;
    }
    DistillRecipe recipe =
        options
            .recipe()
            .withoutRegulariser(
                few(updates, Math.min(SPEAR_BATCH, options.recipe().run().batch())));
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
   * @param redrawn how those of the teacher's shipped pictures that were drawn again compare; null
   *     if it drew all
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
      Evaluation.@Nullable NoiseFloor floor,
      TeacherPictures.@Nullable Redrawn redrawn) {
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

  private Results measure(
      TextToImage teacher,
      TextToImage student,
      TeacherPictures slow,
      Judge judge,
      Corpus corpus,
      int prompts) {
    Trial trial =
        new Trial(
            judge,
            JudgeFolder.at(options.weights().resolve("judge")),
            teacher.textEncoder(),
            corpus.measured(prompts),
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
    Candidate guided;
    try (Progress shown = drawing("drawing with the teacher, all its steps")) {
      guided = slow.measure(trial, notices, shown);
    }
    return new Results(
        trial,
        best,
        guided,
        candidates.get(0),
        sameSteps,
        candidates,
        trial.set().examples().real(),
        trial.real().scores(),
        trial.noiseFloor(),
        slow.redrawn());
  }

  private void samples(Results results) {
    Path folder = options.out().resolve("samples");
    Map<String, Tensor> sets = new LinkedHashMap<>();
    sets.put("student", results.student().images());
    sets.put("teacher", results.teacher().images());
    sets.put("teacher-same-cost", results.teacherSameCost().images());
    sets.put("real", results.realImages());
    sets.forEach((name, images) -> Pictures.writeAll(folder.resolve(name), Pictures.of(images)));
    for (Candidate one : List.of(results.student(), results.teacher())) {
      for (int i = 0; one.again() != null && i < Math.min(VARIED, one.again().size(1)); i++) {
        Pictures.writeAll(
            folder.resolve(String.format(Locale.ROOT, "%s-again/%04d", one.name(), i)),
            Pictures.of(one.samples(i)));
      }
    }
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
    TeacherPictures.Redrawn redrawn = results.redrawn();
    if (redrawn != null) {
      root.putObject("teacherRedrawn")
          .put("seed", redrawn.seed())
          .put("pictures", redrawn.pictures())
          .put("meanDifference", redrawn.mean())
          .put("largestDifference", redrawn.largest());
    }
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
