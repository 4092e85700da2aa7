package org.peltast.paper;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Trainer;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelSource;
import org.peltast.runs.Checksums;
import org.peltast.runs.Progress;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.runs.RunInUseException;
import org.peltast.tensor.Device;
import org.peltast.tensor.parallel.ProcessGroup;
import org.peltast.training.Corpus;
import org.peltast.training.Devices;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Origin;
import org.peltast.training.TeacherRecipe;
import org.peltast.training.TeacherTraining;

/**
 * Runs experiments and writes what they came to. Runs are kept by the hash of all that decides
 * them: what is there is not run again, what was killed goes on, and experiments share runs.
 *
 * <p>Of several processes each takes the next run that nobody has taken; the first writes the
 * results once all are there.
 */
public final class Reproduction {
  /**
   * What is asked for.
   *
   * @param experiments by name, or {@code all}
   * @param seeds of every run
   * @param out folder of runs, and of results by default
   * @param results folder of figures, data and pages
   * @param teacher to distil, but for experiments that train one of their own
   * @param sets changes to every recipe, such as {@code data.images=prompts.txt}
   * @param judge the judge's folder
   * @param device by name
   * @param scale of updates and of prompts to measure on: 1 is as published here
   * @param rank of this process
   * @param processes in all
   * @param command that was typed, for the pages
   * @param version of the code, for the pages
   */
  public record Options(
      List<String> experiments,
      List<Long> seeds,
      Path out,
      Path results,
      ModelSource teacher,
      List<String> sets,
      Path judge,
      String device,
      double scale,
      int rank,
      int processes,
      String command,
      String version) {
    /** Checks the ranges. */
    public Options {
      experiments = List.copyOf(experiments);
      seeds = List.copyOf(seeds);
      sets = List.copyOf(sets);
      if (seeds.isEmpty() || !(scale > 0 && scale <= 100)) {
        throw new IllegalArgumentException("there must be a seed, and a scale from above 0 to 100");
      }
      Experiments.of(experiments);
    }
  }

  private static final String TEACHER = "teacher";
  private static final long POLL = 1000; // milliseconds, for other processes

  private final Options options;
  private final Function<String, Progress> progress;
  private final Consumer<String> notices;
  private final BooleanSupplier interrupted;
  private final Path runs;
  private final Map<String, Subject> subjects = new LinkedHashMap<>();

  /** Prepares; {@code progress} shows a stage of that title, {@code notices} hears sentences. */
  public Reproduction(
      Options options,
      Function<String, Progress> progress,
      Consumer<String> notices,
      BooleanSupplier interrupted) {
    this.options = options;
    this.progress = progress;
    this.notices = notices;
    this.interrupted = interrupted;
    this.runs = options.out().resolve("runs");
  }

  /**
   * Runs what is not there yet, and writes the results.
   *
   * @return whether it came to its end; if not, the same call goes on
   */
  public boolean run() {
    try {
      List<Experiment> asked = Experiments.of(options.experiments());
      Map<Job, Subject> jobs = new LinkedHashMap<>();
      for (Experiment experiment : asked) {
        Subject subject = subject(experiment);
        if (subject == null) {
          if (interrupted.getAsBoolean()) {
            return false;
          }
          continue;
        }
        jobs(experiment, subject).forEach(job -> jobs.put(job, subject));
      }
      if (!make(jobs)) {
        return false;
      }
      if (options.rank() == 0) {
        write(asked, jobs);
      }
      return true;
    } finally {
      subjects.values().forEach(Subject::close);
    }
  }

  private List<Job> jobs(Experiment experiment, Subject subject) {
    List<Job> all = new ArrayList<>();
    for (long seed : options.seeds()) {
      for (Experiment.Variant variant : experiment.variants()) {
        Job job =
            Job.of(
                experiment,
                variant,
                base(subject, experiment),
                options.scale(),
                seed,
                subject.identity());
        if (job.needsPictures() && !subject.hasPictures()) {
          continue; // which the subject has told
        }
        all.add(job);
      }
    }
    return all;
  }

  // --- subjects -----------------------------------------------------------------------------

  /** What an experiment is made with; null if its own teacher is not there (yet). */
  private @Nullable Subject subject(Experiment experiment) {
    String key = experiment.teacher() == null ? "" : experiment.id();
    Subject known = subjects.get(key);
    if (known != null) {
      return known;
    }
    ModelSource teacher = options.teacher();
    if (experiment.teacher() != null) {
      Path own = ownTeacher(experiment);
      if (own == null) {
        return null;
      }
      teacher = ModelSource.of(own);
    }
    Device device = Devices.of(options.device(), options.rank());
    Subject opened;
    try (Progress preparing = progress.apply("preparing the data")) {
      opened =
          new Subject(
              teacher,
              edge -> Recipes.with(DistillRecipe.defaults(), dataSets(edge)).data(),
              options.judge(),
              device,
              Protocol.standard().scaled(options.scale()),
              options.out().resolve("teacher"),
              notices,
              preparing);
    }
    subjects.put(key, opened);
    if (options.rank() == 0) { // the others begin with runs, and find it when these are measured
      try (Progress drawing = progress.apply("drawing with the teacher")) {
        opened.prepare(drawing);
      }
    }
    return opened;
  }

  /** The changes that say what is learnt from. */
  private List<String> dataSets(int edge) {
    List<String> sets = new ArrayList<>(List.of("data.size=" + edge));
    options.sets().stream().filter(set -> set.startsWith("data.")).forEach(sets::add);
    return sets;
  }

  /** The changes that all recipes of a subject have in common. */
  private List<String> base(Subject subject, Experiment experiment) {
    GenerationSettings settings = subject.teacher().defaults();
    List<String> sets = new ArrayList<>(dataSets(settings.height()));
    Path folder =
        experiment.teacher() == null
            ? options.teacher().folder()
            : ownRun(experiment).resolve(TEACHER);
    sets.add("teacher=" + Recipes.quoted(folder.toString()));
    sets.add("device=" + options.device());
    if (settings.guidance().isOn()) {
      sets.add("method.alpha=" + settings.guidance().alpha());
    }
    options.sets().stream().filter(set -> !set.startsWith("data.")).forEach(sets::add);
    return sets;
  }

  private TeacherRecipe ownRecipe(Experiment experiment) {
    List<String> sets = new ArrayList<>();
    List<String> own = experiment.teacher();
    if (own != null) {
      sets.addAll(own);
    }
    sets.add("device=" + options.device());
    options.sets().stream().filter(set -> set.startsWith("data.")).forEach(sets::add);
    TeacherRecipe whole = Recipes.with(TeacherRecipe.defaults(), sets);
    long updates = Math.max(2, Math.round(options.scale() * whole.run().updates()));
    return Recipes.with(whole, List.of("run.updates=" + updates));
  }

  /** The run in which an experiment's own teacher is trained. */
  private Path ownRun(Experiment experiment) {
    String yaml = Recipes.over(TeacherRecipe.defaults()).write(ownRecipe(experiment));
    String key = Checksums.sha256(yaml.getBytes(StandardCharsets.UTF_8)).substring(0, 16);
    return runs.resolve("teacher-" + key);
  }

  /** Trains an experiment's own teacher, if that is not done; null if it was interrupted. */
  private @Nullable Path ownTeacher(Experiment experiment) {
    Path run = ownRun(experiment);
    Path teacher = run.resolve(TEACHER);
    Path index = teacher.resolve("model_index.json");
    if (Files.exists(index)) {
      return teacher;
    }
    TeacherRecipe recipe = ownRecipe(experiment);
    if (!recipe.data().hasPictures()) {
      notices.accept(
          String.format(
              Locale.ROOT,
              "%s trains a teacher of its own, for which prompts alone are not enough: it is left out.",
              experiment.id()));
      return null;
    }
    if (options.rank() > 0) {
      while (!Files.exists(index)) {
        if (!pause()) {
          return null;
        }
      }
      return teacher;
    }
    Corpus corpus;
    try (Progress preparing = progress.apply("preparing the data")) {
      corpus = Corpus.open(recipe.data(), preparing, notices);
    }
    try (RunFolder folder = RunFolder.open(run, notices);
        Progress training = progress.apply(experiment.id() + ", its teacher")) {
      folder.changeRecipe(Recipes.over(TeacherRecipe.defaults()).write(recipe));
      Origin.settle(folder, recipe.seed(), corpus.inputs());
      return TeacherTraining.run(
                  recipe,
                  corpus,
                  folder,
                  training,
                  notices,
                  () -> interrupted,
                  ProcessGroup.alone())
              == Trainer.End.FINISHED
          ? teacher
          : null;
    }
  }

  // --- runs ---------------------------------------------------------------------------------

  /**
   * Makes the runs that are not there, one by one; those that other processes are making come last,
   * until they are there or free again.
   */
  private boolean make(Map<Job, Subject> jobs) {
    Map<String, Job> missing = new LinkedHashMap<>();
    jobs.keySet().stream()
        .filter(job -> !Outcome.isIn(job.folder(runs)))
        .forEach(job -> missing.putIfAbsent(job.key(), job));
    long shared = jobs.keySet().stream().map(Job::key).distinct().count();
    if (options.rank() == 0) {
      notices.accept(
          String.format(
              Locale.ROOT,
              "%d runs, of which %d are there already.",
              shared,
              shared - missing.size()));
    }
    List<Job> all = List.copyOf(missing.values());
    long total = all.stream().mapToLong(Reproduction::work).sum();
    long before = 0;
    try (Progress shown = progress.apply(all.size() == 1 ? "1 run" : all.size() + " runs")) {
      Deque<Job> left = new ArrayDeque<>(all);
      int taken = 0; // jobs one after another that other processes were making
      while (!left.isEmpty()) {
        Job job = left.remove();
        long begin = before;
        Subject subject = subject(job.experiment());
        if (subject == null || interrupted.getAsBoolean()) {
          return false;
        }
        try {
          Optional<Outcome> outcome =
              new Laboratory(subject, runs, notices, interrupted)
                  .run(job, done -> shown.step(begin + done * job.weight(), total, Map.of()));
          if (outcome.isEmpty()) {
            return false;
          }
        } catch (RunInUseException e) {
          left.add(job);
          if (++taken >= left.size() && !pause()) {
            return false;
          }
          continue;
        }
        taken = 0;
        before += work(job);
        shown.step(before, total, Map.of());
      }
    }
    return true;
  }

  private static long work(Job job) {
    return job.weight() * job.recipe().run().updates();
  }

  /** Lets other processes go on for a moment; false if interrupted. */
  private boolean pause() {
    try {
      Thread.sleep(POLL);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !interrupted.getAsBoolean() && !Thread.currentThread().isInterrupted();
  }

  // --- results ------------------------------------------------------------------------------

  private void write(List<Experiment> asked, Map<Job, Subject> jobs) {
    Evidence evidence = new Evidence(runs);
    jobs.forEach(
        (job, subject) ->
            Outcome.in(job.folder(runs)).ifPresent(o -> evidence.add(job, o, subject)));
    addKnown(asked, evidence);
    List<Verdict> verdicts = Claims.registered().claims().stream().map(evidence::judge).toList();
    Results results = new Results(options.results(), evidence, setting());
    try (Progress shown = progress.apply("drawing figures")) {
      int done = 0;
      for (Experiment experiment : asked) {
        Subject subject = subjects.get(experiment.teacher() == null ? "" : experiment.id());
        if (subject != null) {
          results.write(experiment, subject, options.command(), verdicts);
        }
        shown.step(++done, asked.size(), Map.of());
      }
    }
    List<Experiment> there =
        Experiments.of(List.of("all")).stream()
            .filter(e -> Files.exists(options.results().resolve(e.id() + ".md")))
            .toList();
    results.write(verdicts, there, options.command());
    Map<String, String> told = new TreeMap<>();
    verdicts.forEach(v -> told.put(v.claim().id(), v.outcome().words()));
    notices.accept(told.toString());
  }

  /** What earlier calls have run of other experiments, so that verdicts count it too. */
  private void addKnown(List<Experiment> asked, Evidence evidence) {
    Subject subject = subjects.get("");
    for (Experiment experiment : Experiments.of(List.of("all"))) {
      if (subject != null && experiment.teacher() == null && !asked.contains(experiment)) {
        for (Job job : jobs(experiment, subject)) {
          Outcome.in(job.folder(runs)).ifPresent(o -> evidence.add(job, o, subject));
        }
      }
    }
  }

  private String setting() {
    return String.format(
        Locale.ROOT,
        "Teacher: `%s`; seeds %s; %s; Peltast %s.",
        options.teacher().folder().getFileName(),
        String.join(", ", options.seeds().stream().map(String::valueOf).toList()),
        options.scale() == 1 ? "updates and prompts as published" : "scale " + options.scale(),
        options.version());
  }
}
