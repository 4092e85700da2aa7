package org.peltast.api;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.peltast.data.PromptList;
import org.peltast.distill.Method;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.models.TextToImage;
import org.peltast.runs.Progress;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.parallel.ProcessGroup;
import org.peltast.training.Corpus;
import org.peltast.training.CutPrompts;
import org.peltast.training.DistillRecipe;
import org.peltast.training.MethodContext;
import org.peltast.training.Origin;
import org.peltast.training.SettledRecipe;
import org.peltast.training.StudentTraining;

/**
 * A distillation in a folder of its own, which holds what {@code peltast distill} puts there:
 * recipe, provenance, metrics, sample grids, checkpoints. The command can go on with it, unless its
 * method is one's own.
 */
public final class Distillation {
  /**
   * What a run came to.
   *
   * @param student as far as it has been trained
   * @param finished whether all updates are done; if not, it was stopped, and starting a run with
   *     the same recipe in the same folder goes on
   */
  public record Result(Student student, boolean finished) {}

  private static final String PROMPTS = "prompts.jsonl";
  private static final String SETTLED = "the run's folder";

  private final Teacher teacher;
  private final Recipe recipe;
  private final Distiller.Source source;
  private final @Nullable Function<MethodContext, Method> method;
  private final Path folder;
  private final List<Consumer<Update>> listeners = new ArrayList<>();
  private Consumer<String> notices = sentence -> {};
  private volatile boolean stopping;

  Distillation(
      Teacher teacher,
      Recipe recipe,
      Distiller.Source source,
      @Nullable Function<MethodContext, Method> method,
      Path folder) {
    this.teacher = teacher;
    this.recipe = recipe;
    this.source = source;
    this.method = method;
    this.folder = folder;
  }

  /**
   * Tells somebody of every update, on the thread that {@link #start} was called on. What it throws
   * ends the run.
   */
  public Distillation onUpdate(Consumer<Update> listener) {
    listeners.add(listener);
    return this;
  }

  /** Tells somebody, in sentences, of captions cut, pictures left out and damage got round. */
  public Distillation onNotice(Consumer<String> listener) {
    notices = notices.andThen(listener);
    return this;
  }

  /** Asks, from any thread, for an end after the update that is being computed. */
  public void stop() {
    stopping = true;
  }

  /**
   * Runs to the end, and returns then. A folder that holds an unfinished run of the same recipe is
   * gone on with, bit for bit as if nothing had happened; of a finished one the student is read.
   *
   * <p>Where torchrun's environment variables name several processes, all of them call this, and
   * train together: rank 0 writes the folder and tells listeners, and every rank has the student.
   *
   * @throws RunException if the folder holds a run of another recipe or with other prompts, another
   *     process has it, the disk refuses, or the training diverges (then its cause is a {@link
   *     org.peltast.distill.DivergedException})
   * @throws org.peltast.data.DataException if prompts or pictures cannot be used
   */
  public Result start() {
    stopping = false;
    try (ProcessGroup group = ProcessGroup.fromEnvironment()) {
      try {
        return group.isFirst() ? lead(group) : follow(group);
      } catch (RuntimeException e) {
        group.abort(String.valueOf(e.getMessage()));
        throw e;
      }
    }
  }

  /** As the only process, or as the one that writes. */
  private Result lead(ProcessGroup group) {
    try (RunFolder run = RunFolder.open(folder, notices)) {
      boolean begun = run.readRecipe().isPresent();
      try {
        keepPrompts(begun);
        return train(settled(run), run, group);
      } finally {
        if (!begun) {
          withdrawPromptsUnlessBegun(run);
        }
      }
    }
  }

  /** As another rank, which reads what the first has settled. */
  private Result follow(ProcessGroup group) {
    group.barrier(SETTLED);
    try (RunFolder run = RunFolder.read(folder, sentence -> {})) {
      return train(settled(run), run, group);
    }
  }

  private DistillRecipe settled(RunFolder run) {
    return SettledRecipe.settle(
        run,
        DistillRecipe.defaults(),
        over -> asked(),
        "ask for the same recipe to go on with it, or choose another folder",
        notices);
  }

  private Result train(DistillRecipe settled, RunFolder run, ProcessGroup group) {
    TextToImage model = teacher.as(settled);
    Corpus corpus = Corpus.open(settled.data(), Progress.NONE, notices);
    if (group.isFirst()) {
      Origin.settle(run, settled.seed(), StudentTraining.inputs(teacher.source(), corpus));
      group.barrier(SETTLED);
      if (!settled.unconditional()) {
        CutPrompts.of(model.textEncoder(), corpus.captions()).ifPresent(notices);
      }
    }
    try (StudentTraining training = new StudentTraining(settled, model, method)) {
      Trainer.End end = training.run(corpus, run, this::tell, () -> stopping, group);
      Backbone kept =
          teacher.own(
              group.isFirst()
                  ? training.student(Origin.of(run)).network().copy()
                  : model.network().copy());
      if (group.size() > 1) { // rank 0 has the averages: every rank gets its student
        kept.parameters().all().forEach(p -> group.broadcast(p.value(), 0));
        kept.parameters().changed();
      }
      return new Result(
          new Student(training.student(kept, Origin.of(run))), end == Trainer.End.FINISHED);
    }
  }

  private void tell(long done, long total, Map<String, Double> metrics) {
    Update update = new Update(done, total, new LinkedHashMap<>(metrics));
    listeners.forEach(listener -> listener.accept(update));
  }

  /** The recipe with teacher, device, precision and data filled in. */
  private DistillRecipe asked() {
    Recipe asked =
        recipe
            .set("teacher", quoted(teacher.folder()))
            .set("variant", orNull(teacher.source().variant()))
            .set("transformer", orNull(teacher.source().network()))
            .set("device", teacher.device())
            .set("precision", teacher.precision());
    String images = source.prompts() == null ? source.images() : folder.resolve(PROMPTS).toString();
    if (images != null) {
      asked =
          asked
              .set("data.images", quoted(images))
              .set("data.size", teacher.model().defaults().height());
    }
    return asked.settings();
  }

  private static String orNull(@Nullable Object value) {
    return value == null ? "null" : quoted(value);
  }

  /** As a word of YAML, whatever a path is made of. */
  private static String quoted(Object path) {
    return "'" + path.toString().replace("'", "''") + "'";
  }

  /**
   * Keeps prompts at hand in the run's folder.
   *
   * @throws RunException if the run was begun with others
   */
  private void keepPrompts(boolean begun) {
    List<String> given = source.prompts();
    if (given == null) {
      return;
    }
    Path file = folder.resolve(PROMPTS);
    PromptList prompts = PromptList.of("the given prompts", given);
    prompts.notes().forEach(notices);
    if (begun && !Files.exists(file)) {
      return; // of another recipe, which will be told
    }
    if (!begun) {
      try {
        prompts.write(file);
      } catch (IOException e) {
        throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
      }
    } else if (!PromptList.read(file).prompts().equals(prompts.prompts())) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "%s holds a run with other prompts; give the same prompts to go on with it, or choose another folder.",
              folder));
    }
  }

  /** A run without a single update leaves nothing behind. */
  private void withdrawPromptsUnlessBegun(RunFolder run) {
    try {
      boolean updated = Files.exists(run.metrics()) && Files.size(run.metrics()) > 0;
      if (source.prompts() != null && !updated) {
        Files.deleteIfExists(folder.resolve(PROMPTS));
      }
    } catch (IOException e) {
      throw new RunException("cannot tidy " + folder + " (" + e.getMessage() + ")", e);
    }
  }
}
