package org.peltast.paper;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.distill.DivergedException;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.distill.Trainer;
import org.peltast.evaluate.RadialSpectrum;
import org.peltast.models.TextToImage;
import org.peltast.models.text.Captions;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.runs.RunInUseException;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Origin;
import org.peltast.training.StudentTraining;

/**
 * Makes one run of an experiment and measures it: on validation prompts at fixed moments, and on
 * test prompts at the start, the best moment and the end.
 *
 * <p>A killed run goes on from its checkpoint. All that is measured is a function of the update, so
 * what is measured twice comes out the same.
 */
final class Laboratory {
  /** Pictures at which an artefact is looked at. */
  private static final int OBSERVED = 32;

  /** Parts of a run over whose means a trend is taken. */
  private static final int PARTS = 20;

  /** The weights of the best moment so far. */
  private static final String BEST = "best.safetensors";

  private final Subject subject;
  private final Path runs;
  private final Consumer<String> notices;
  private final BooleanSupplier interrupted;

  /**
   * Makes runs on a subject.
   *
   * @param runs the folder that all runs lie in, by their hash
   */
  Laboratory(Subject subject, Path runs, Consumer<String> notices, BooleanSupplier interrupted) {
    this.subject = subject;
    this.runs = runs;
    this.notices = notices;
    this.interrupted = interrupted;
  }

  /**
   * Makes a run, or goes on with it, or finds it done.
   *
   * @param done is told the updates made so far
   * @return what it came to; empty if it was interrupted
   * @throws RunInUseException if another process is making it
   */
  Optional<Outcome> run(Job job, LongConsumer done) {
    Path path = job.folder(runs);
    if (Outcome.isIn(path)) {
      return Outcome.in(path);
    }
    boolean collapsed = false;
    try (RunFolder folder = RunFolder.open(path, notices);
        StudentTraining training = new StudentTraining(job.recipe(), subject.teacher())) {
      if (Outcome.isIn(path)) {
        return Outcome.in(path); // another process has just ended it
      }
      folder.writeRecipe(Recipes.over(DistillRecipe.defaults()).write(job.recipe()));
      Origin.settle(folder, job.recipe().seed(), Map.of());
      Watch watch = new Watch(job, path, training, done);
      watch.start();
      try {
        if (training.run(subject.corpus(), folder, List.of(watch), interrupted)
            == Trainer.End.STOPPED) {
          return Optional.empty();
        }
      } catch (RunException e) {
        if (!(e.getCause() instanceof DivergedException)) {
          throw e;
        }
        collapsed = true; // which some are meant to: the weights are those of before
      }
      Outcome outcome = watch.end(folder, collapsed);
      outcome.write(path);
    }
    RunFolder.remove(path.resolve("checkpoints")); // gigabytes, over a night
    RunFolder.remove(path.resolve("events"));
    RunFolder.remove(path.resolve(BEST));
    return Outcome.in(path);
  }

  /** Looks at a run at its moments. */
  private final class Watch implements Observer {
    private final Job job;
    private final Path path;
    private final StudentTraining training;
    private final LongConsumer told;
    private final List<Long> moments;
    private long last; // done so far

    Watch(Job job, Path path, StudentTraining training, LongConsumer told) {
      this.job = job;
      this.path = path;
      this.training = training;
      this.told = told;
      this.moments = Protocol.moments(job.recipe().run().updates());
    }

    /** The start: the teacher's weights in the student's steps. */
    void start() {
      if (Outcome.moment(path, 0) == null) {
        drawTest(Claims.At.START, student());
        look(0);
      }
    }

    @Override
    public Verdict begin(long done, List<Metrics> past) {
      last = done;
      told.accept(done);
      return Verdict.GO_ON;
    }

    @Override
    public boolean seesAverages(long done, long updates) {
      return moments.contains(done);
    }

    @Override
    public Verdict after(long done, long updates, Metrics metrics) {
      last = done;
      if (moments.contains(done)) {
        look(done);
      }
      told.accept(done);
      return Verdict.GO_ON;
    }

    private TextToImage student() {
      return training.student(Map.of());
    }

    private void look(long update) {
      try (Scope scope = Scope.open()) {
        Subject.Drawn drawn =
            subject.draw(
                student(),
                subject.captions(true),
                job.recipe().unconditional(),
                job.recipe().seed());
        int shown = Math.min(subject.protocol().pictured(), (int) drawn.images().size(0));
        Path pictures = Outcome.momentFile(path, update, ".png");
        PictureSheet.write(pictures, drawn.images());
        Tensor seen = read(pictures, (int) drawn.images().size(0));
        PictureSheet.write(pictures, seen.narrow(0, 0, shown));
        Map<String, Double> values = new TreeMap<>(subject.measureValidation(seen));
        values.put("latentVariance", drawn.latentVariance());
        Outcome.Moment moment = new Outcome.Moment(update, values);
        Outcome.Moment best = Outcome.moment(path, best(update - 1));
        if (best == null || score(moment) > score(best)) {
          keepBest();
        }
        Outcome.write(path, moment); // last: what is there has been seen to
      }
    }

    /** What choices are made on; high is good. */
    private double score(Outcome.Moment moment) {
      return job.recipe().unconditional()
          ? -moment.values().getOrDefault("frechet", Double.POSITIVE_INFINITY)
          : moment.values().getOrDefault("alignment", Double.NEGATIVE_INFINITY);
    }

    /** The best of the moments up to an update, the earliest of equals. */
    private long best(long until) {
      long best = 0;
      double highest = Double.NEGATIVE_INFINITY;
      for (long update : moments) {
        Outcome.Moment seen = update <= until ? Outcome.moment(path, update) : null;
        if (seen != null && score(seen) > highest) {
          highest = score(seen);
          best = update;
        }
      }
      return best;
    }

    /** Keeps the weights of the best moment so far: which it is in the end only the end tells. */
    private void keepBest() {
      TensorFiles.write(path.resolve(BEST), student().network().parameters().values(), Map.of());
    }

    private void drawBest() {
      TextToImage student = student();
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        student.network().parameters().load(TensorFiles.read(path.resolve(BEST)));
        drawTest(Claims.At.BEST, student);
      }
    }

    private void drawTest(Claims.At at, TextToImage student) {
      boolean unconditional = job.recipe().unconditional();
      long seed = job.recipe().seed();
      try (Scope scope = Scope.open()) {
        Subject.Drawn drawn = subject.draw(student, subject.captions(false), unconditional, seed);
        Tensor more =
            subject.draw(student, subject.again(), unconditional, seed + 1_000_003).images();
        PictureSheet.write(Outcome.testFile(path, at, true), more);
        PictureSheet.write(Outcome.testFile(path, at, false), drawn.images());
        Outcome.write(path, at, Map.of("latentVariance", drawn.latentVariance()));
      }
    }

    private Tensor read(Path sheet, int n) {
      int edge = subject.teacher().defaults().height();
      return PictureSheet.read(sheet, n, edge, edge);
    }

    Outcome end(RunFolder folder, boolean collapsed) {
      drawBest();
      drawTest(Claims.At.END, student());
      List<MetricsLog.Line> log = MetricsLog.read(folder.metrics());
      Map<String, Map<String, Double>> test = new LinkedHashMap<>();
      for (Claims.At at : Claims.At.values()) {
        test.put(Outcome.name(at), measured(at));
      }
      Map<String, Double> end = test.getOrDefault("end", Map.of());
      Double first = test.getOrDefault("best", Map.of()).get("alignment");
      Double atEnd = end.get("alignment");
      if (first != null && atEnd != null) {
        end.put("drop.alignment", first - atEnd);
      }
      double trend = RankCorrelation.trend(series(log, "variance"), PARTS);
      if (Double.isFinite(trend)) {
        end.put("trend.latentVariance", trend);
      }
      Map<String, List<Double>> series = new TreeMap<>();
      analyse(end, series);
      return new Outcome(
          job.key(),
          job.recipe().seed(),
          last,
          collapsed,
          best(Long.MAX_VALUE),
          moments(log),
          test,
          series,
          series(log, "seconds").stream().mapToDouble(Double::doubleValue).sum());
    }

    private Map<String, Double> measured(Claims.At at) {
      int n = subject.captions(false).size();
      try (Scope scope = Scope.open()) {
        Map<String, Double> values =
            new TreeMap<>(
                Subject.values(
                    subject.measureTest(
                        read(Outcome.testFile(path, at, false), n),
                        read(Outcome.testFile(path, at, true), subject.again().size()))));
        double variance = Outcome.drawn(path, at).getOrDefault("latentVariance", Subject.RUIN);
        values.put("latentVariance", variance);
        values.put("latentVarianceToTeacher", variance / subject.teacherVariance());
        if (job.recipe().unconditional()) {
          values.keySet().removeAll(List.of("alignment", "retrievalAt10", "familyAccuracy"));
        }
        return values;
      }
    }

    /** All moments, each with the means of the training's metrics since the one before. */
    private List<Outcome.Moment> moments(List<MetricsLog.Line> log) {
      List<Outcome.Moment> all = new ArrayList<>();
      long before = 0;
      for (long update : moments) {
        Outcome.Moment seen = Outcome.moment(path, update);
        if (seen == null) {
          break; // collapsed before
        }
        Map<String, Double> values = new TreeMap<>(seen.values());
        if (job.recipe().unconditional()) {
          values.keySet().removeAll(List.of("alignment", "retrievalAt10", "familyAccuracy"));
        }
        for (Map.Entry<String, Double> mean : means(log, before, update).entrySet()) {
          values.put("training." + mean.getKey(), mean.getValue());
        }
        all.add(new Outcome.Moment(update, values));
        before = update;
      }
      return all;
    }

    private static Map<String, Double> means(List<MetricsLog.Line> log, long after, long until) {
      Map<String, List<Double>> values = new TreeMap<>();
      for (MetricsLog.Line line : log) {
        if (line.update() > after && line.update() <= until) {
          line.metrics()
              .forEach(
                  (name, value) -> {
                    if (value instanceof Number number && !name.startsWith("seconds")) {
                      values
                          .computeIfAbsent(name, n -> new ArrayList<>())
                          .add(number.doubleValue());
                    }
                  });
        }
      }
      Map<String, Double> means = new TreeMap<>();
      values.forEach(
          (name, all) -> {
            double mean = all.stream().mapToDouble(Double::doubleValue).average().orElse(0);
            if (Double.isFinite(mean)) {
              means.put(name, mean);
            }
          });
      return means;
    }

    private static List<Double> series(List<MetricsLog.Line> log, String name) {
      List<Double> all = new ArrayList<>();
      for (MetricsLog.Line line : log) {
        Object value = line.metrics().get(name);
        if (value instanceof Number number) {
          all.add(number.doubleValue());
        }
      }
      return all;
    }

    private void analyse(Map<String, Double> end, Map<String, List<Double>> series) {
      switch (job.variant().analysis()) {
        case NONE -> {}
        case CHANGE -> change(end, series);
        case ARTEFACT -> artefact(end, series);
      }
    }

    /** What training changed in the pictures of the same prompts and noise. */
    private void change(Map<String, Double> end, Map<String, List<Double>> series) {
      int n = subject.captions(false).size();
      try (Scope scope = Scope.open()) {
        Tensor change =
            read(Outcome.testFile(path, Claims.At.END, false), n)
                .sub(read(Outcome.testFile(path, Claims.At.START, false), n));
        RadialSpectrum spectrum = RadialSpectrum.of(change);
        series.put("change.spectrum", spectrum.power());
        put(end, "change.centroid", spectrum.centroid());
      }
    }

    /** What the real model and the fake one predict of the generator's images. */
    private void artefact(Map<String, Double> end, Map<String, List<Double>> series) {
      @Nullable Denoiser fake = training.fake().orElse(null);
      if (fake == null) {
        throw new IllegalStateException(job.title() + " has no fake model to look at");
      }
      Denoiser real = subject.teacher().denoiser();
      List<String> prompts = subject.captions(true);
      List<String> some = prompts.subList(0, Math.min(OBSERVED, prompts.size()));
      long seed = job.recipe().seed();
      TextToImage student = student();
      try (Scope scope = Scope.open()) {
        Tensor images =
            student
                .generateLatents(some, seed, student.defaults(), some.size(), done -> {})
                .to(student.device());
        Condition captions = new Captions(student.textEncoder(), student.device()).of(some);
        Artefact seen = Artefact.of(real, fake, images, captions, seed);
        series.put("retention.real", seen.real());
        series.put("retention.fake", seen.fake());
        put(end, "retention.real", Artefact.mean(seen.real()));
        put(end, "retention.fake", Artefact.mean(seen.fake()));
        put(end, "retention.surplus", Artefact.mean(seen.fake()) - Artefact.mean(seen.real()));
        int shown = Math.min(2, some.size());
        List<Tensor> rows = new ArrayList<>();
        for (Denoiser model : List.of(real, fake)) {
          for (int i = 0; i < shown; i++) {
            rows.add(images.narrow(0, i, 1));
            for (double time : Artefact.TIMES) {
              Tensor all = Artefact.predicted(model, images, captions, time, seed);
              rows.add(all.narrow(0, i, 1));
            }
          }
        }
        PictureSheet.write(
            path.resolve("artefact.png"), subject.teacher().decode(Tensor.cat(rows, 0)));
      }
    }

    private static void put(Map<String, Double> values, String name, double value) {
      if (Double.isFinite(value)) {
        values.put(name, value);
      }
    }
  }
}
