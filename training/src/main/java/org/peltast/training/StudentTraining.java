package org.peltast.training;

import java.awt.image.BufferedImage;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Renoise;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.distill.Method;
import org.peltast.distill.Observer;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelFolder;
import org.peltast.models.ModelSource;
import org.peltast.models.TextToImage;
import org.peltast.models.text.CachedTextEncoder;
import org.peltast.models.text.Captions;
import org.peltast.models.text.TextEncoder;
import org.peltast.report.Sheet;
import org.peltast.runs.Checksums;
import org.peltast.runs.Progress;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.parallel.ProcessGroup;

/** Distils a teacher into a generator of a few steps, by the method of a recipe. */
public final class StudentTraining implements AutoCloseable {
  /** Features are asked for again and again: as many are kept as this holds. */
  static final long TEXT_MEMORY = 600L << 20;

  /** The most that a frozen teacher is asked of an item at once: with, without caption, again. */
  private static final int ASKED = 3;

  private static final int LOOKS = 8;

  /** Between noise (0) and image (1), before the shift: where much is decided, and some is seen. */
  private static final double LOOK_TIME = 0.5;

  private final DistillRecipe recipe;
  private final TextToImage teacher;
  private final Backbone average;
  private final Assembly assembly;
  private final UpdateMemory memory;
  private Consumer<String> warnings = warning -> {};
  private @Nullable TextEncoder text; // the teacher's with a cache, while it runs

  /** A distillation of an open teacher, which stays the caller's. */
  public StudentTraining(DistillRecipe recipe, TextToImage teacher) {
    this(recipe, teacher, null);
  }

  /**
   * The same with a method of the caller's own.
   *
   * @param method makes the method of a recipe whose method is {@link MethodRecipe.Custom}; null
   *     for all others
   * @throws RunException if the recipe's method is such a one, and nobody makes it
   */
  public StudentTraining(
      DistillRecipe recipe, TextToImage teacher, @Nullable Function<MethodContext, Method> method) {
    this.recipe = recipe;
    this.teacher = shifted(recipe, teacher);
    this.assembly =
        new Assembly(
            recipe,
            this.teacher,
            new PictureAppearance(teacher.codec(), recipe.guard().variance() != 0),
            method);
    this.average = assembly.student().copy();
    this.memory =
        UpdateMemory.of(
            assembly.student(),
            1 + assembly.copies(), // the average
            assembly.trained(),
            itemBytes(assembly.student(), teacher));
  }

  /** The teacher under the recipe's shift. */
  static TextToImage shifted(DistillRecipe recipe, TextToImage teacher) {
    return recipe.shift() == null ? teacher : teacher.withShift(new TimeShift(recipe.shift()));
  }

  /**
   * SHA-256 of what a distillation reads, by name, for provenance.
   *
   * @param teacher where its files are
   */
  public static Map<String, String> inputs(ModelSource teacher, Corpus corpus) {
    Map<String, String> inputs = new LinkedHashMap<>();
    inputs.put("teacher", Checksums.sha256(teacher.files()));
    inputs.putAll(corpus.inputs());
    return inputs;
  }

  /** Runs or goes on as a command does: shown, logged, and looked at. */
  public Trainer.End run(
      Corpus corpus,
      RunFolder folder,
      Progress progress,
      BooleanSupplier interrupted,
      ProcessGroup group) {
    List<String> shown = corpus.examples(LOOKS).captions();
    try (Events events = new Events(folder.events())) {
      return run(
          corpus,
          folder,
          List.of(
              TeacherTraining.shown(progress),
              events,
              new SampleGrids(recipe.run().looksEvery(), folder, shown, events, () -> look(shown))),
          interrupted,
          group);
    }
  }

  /** Runs or goes on with the run in an open folder, in this process alone. */
  public Trainer.End run(
      Corpus corpus, RunFolder folder, List<Observer> observers, BooleanSupplier interrupted) {
    return run(corpus, folder, observers, interrupted, ProcessGroup.alone());
  }

  /**
   * Runs or goes on with the run in an open folder, in a group of processes; collective.
   *
   * @throws RunException if the method learns from images and the corpus has captions alone, or
   *     something ends the run
   */
  public Trainer.End run(
      Corpus corpus,
      RunFolder folder,
      List<Observer> observers,
      BooleanSupplier interrupted,
      ProcessGroup group) {
    // Not closed: what it wraps is the teacher's. A group's file is closed with its process.
    CachedTextEncoder cached =
        teacher.textEncoder().isLarge()
            ? inTurn(
                group, () -> StudentText.of(teacher.textEncoder(), corpus, recipe, folder.path()))
            : group.size() == 1
                ? CachedTextEncoder.inMemory(teacher.textEncoder(), TEXT_MEMORY)
                : onDisk(teacher.textEncoder(), folder);
    text = cached;
    Captions captions = new Captions(cached, teacher.device());
    try (DistillBatches batches =
        inTurn(group, () -> DistillBatches.of(recipe, teacher, corpus, captions))) {
      Supplier<Reference> reference = () -> Reference.of(recipe, teacher, corpus, captions);
      assembly.measure(reference);
      List<Observer> all =
          recipe.guard().observers(assembly.method().weights(), () -> reference.get().watched());
      all.addAll(drift(DriftLooks.of(recipe, corpus), folder, cached));
      all.addAll(observers); // the guards look first: what they end is not drawn any more
      Trainer trainer =
          new Trainer(
              recipe
                  .run()
                  .settings(recipe.seed(), memory.parts(recipe.run(), recipe.run().microBatches())),
              assembly.method(),
              batches.source(),
              folder,
              all,
              interrupted,
              group);
      return memory.watch(recipe.run(), () -> trainer.run(trainer.resume()));
    }
  }

  /** Who hears the warnings of guards; nobody by default. */
  public void onWarning(Consumer<String> listener) {
    warnings = listener;
  }

  /** The fake model in training, if the method has one. */
  public Optional<Denoiser> fake() {
    return Optional.ofNullable(assembly.fakeNetwork()).map(teacher.denoiser()::with);
  }

  private List<Observer> drift(DriftLooks looks, RunFolder folder, TextEncoder encoder) {
    return DriftLooks.observers(
        recipe.guard().drift(),
        () -> looks.look(teacher, encoder),
        () -> looks.look(student(Map.of()), encoder),
        warnings,
        () ->
            ModelFolder.write(
                folder.path().resolve("best"), student(Origin.of(folder)), DType.BFLOAT16));
  }

  /**
   * Features in the run's folder: too many for memory, or shared by processes, which encode each
   * prompt once between them.
   */
  static CachedTextEncoder onDisk(TextEncoder encoder, RunFolder folder) {
    return CachedTextEncoder.onDisk(encoder, folder.path().resolve("text"), TEXT_MEMORY / 2);
  }

  /** Rank 0 first, which fills the caches that the others then read. */
  static <T> T inTurn(ProcessGroup group, Supplier<T> work) {
    if (!group.isFirst()) {
      group.barrier("the data");
      return work.get();
    }
    T done = work.get();
    group.barrier("the data");
    return done;
  }

  /** What an item of the size that the teacher draws keeps while it is learnt from. */
  private static long itemBytes(Backbone network, TextToImage teacher) {
    int factor = teacher.codec().factor();
    return UpdateMemory.item(
        network,
        teacher.defaults().height() / factor,
        teacher.defaults().width() / factor,
        teacher.textEncoder().maxTokens(),
        ASKED);
  }

  /**
   * What student, teacher and fake make of the same prompts and noise. Directions of training are
   * seen in the last rows: guidance is what the engine pushes towards, and where the fake's
   * prediction differs from the teacher's without guidance, the regulariser pulls.
   */
  Sheet look(List<String> prompts) {
    List<String> asked = recipe.unconditional() ? Collections.nCopies(prompts.size(), "") : prompts;
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      TextEncoder known = text == null ? teacher.textEncoder() : text;
      Captions captions = new Captions(known, teacher.device());
      Condition condition = captions.of(asked);
      long seed = recipe.seed();
      Tensor averaged = student(Map.of()).latents(condition, null, seed, 0, settings());
      Tensor raw =
          teacher
              .with(assembly.student(), settings(), Map.of())
              .latents(condition, null, seed, 0, settings());
      Denoiser seeing = teacher.denoiser();
      Tensor time = seeing.at(LOOK_TIME, raw);
      Tensor noise =
          Rng.of(seed)
              .fork("looks")
              .normal(raw.size(0), raw.size(1), raw.size(2), raw.size(3))
              .to(teacher.device());
      Tensor noised = seeing.path().mix(raw, noise, time);
      Tensor plain = seeing.clean(noised, time, seeing.network().read(condition));
      Tensor without =
          seeing.clean(noised, time, seeing.network().read(captions.empty(asked.size())));
      if (known.isLarge()) {
        known.rest();
      }
      Map<String, List<BufferedImage>> rows = new LinkedHashMap<>();
      rows.put("student, averaged weights, steps: " + recipe.steps(), pictures(averaged));
      rows.put("student, weights in training", pictures(raw));
      String at = " at t = " + LOOK_TIME;
      rows.put(
          String.format(
              Locale.ROOT, "teacher's x₀ of the row above%s, α = %s", at, recipe.method().alpha()),
          pictures(new Guidance(recipe.method().alpha()).apply(plain, without)));
      rows.put(String.format(Locale.ROOT, "teacher's x₀%s, without guidance", at), pictures(plain));
      Network own = assembly.fakeNetwork();
      if (own != null) {
        rows.put(
            "fake's x₀" + at, pictures(seeing.with(own).clean(noised, time, own.read(condition))));
      }
      return new Sheet(rows);
    }
  }

  private List<BufferedImage> pictures(Tensor latents) {
    return Pictures.of(teacher.decode(latents));
  }

  /** The generator with its weights' moving average as they are now; it belongs to this. */
  public TextToImage student(Map<String, String> provenance) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      average.parameters().load(assembly.role().averages());
    }
    return student(average, provenance);
  }

  /** The same with a network of the caller's in place of the average. */
  public TextToImage student(Backbone network, Map<String, String> provenance) {
    return teacher.with(network, settings(), provenance);
  }

  /** The steps that the generator is trained for, unguided, noised afresh in between. */
  public GenerationSettings settings() {
    return new GenerationSettings(
        teacher.defaults().height(),
        teacher.defaults().width(),
        StepGrid.uniform(recipe.steps()),
        Guidance.NONE,
        new Renoise());
  }

  @Override
  public void close() {
    assembly.close();
    average.close();
  }
}
