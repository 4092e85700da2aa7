package org.peltast.training;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.peltast.data.EmojiCorpus;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.FlowMatching;
import org.peltast.distill.Metrics;
import org.peltast.distill.Observer;
import org.peltast.distill.Role;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.models.GenerationSettings;
import org.peltast.models.ModelException;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Codecs;
import org.peltast.models.codec.Normalisation;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.text.CachedTextEncoder;
import org.peltast.models.text.Captions;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.report.Sheet;
import org.peltast.runs.Progress;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.parallel.ProcessGroup;

/** Trains a many-step teacher from nothing. */
public final class TeacherTraining {
  private static final int LOOKS = 24;

  /** How the exported teacher is meant to be sampled. */
  private static final int STEPS = 50;

  private static final Guidance GUIDANCE = new Guidance(3);

  private TeacherTraining() {}

  /**
   * Runs or goes on with a training in an open run folder.
   *
   * @param notices is told of captions that are cut
   * @param listen called when the updates begin: until then, an interruption has nothing to finish
   *     and may simply end the process
   * @param group the processes that train together; collective
   */
  public static Trainer.End run(
      TeacherRecipe recipe,
      Corpus corpus,
      RunFolder folder,
      Progress progress,
      Consumer<String> notices,
      Supplier<? extends BooleanSupplier> listen,
      ProcessGroup group) {
    Device device = Devices.of(recipe.device(), group.localRank());
    try (TextEncoder text = text(recipe, folder, group);
        Codec raw = Codecs.builtIn(recipe.model().codec(), device);
        LatentGroups latents =
            StudentTraining.inTurn(
                group, () -> LatentGroups.of(corpus.pictures(), raw, device, progress));
        LatentGroups kept =
            StudentTraining.inTurn(
                group,
                () ->
                    LatentGroups.of(
                        corpus.validation().stream().toList(), raw, device, progress))) {
      if (group.isFirst()) {
        CutPrompts.of(text, corpus.captions()).ifPresent(notices);
      }
      Normalisation normalisation = latents.measure(raw.channels());
      Codec codec = new NormalisedCodec(raw, normalisation);
      NoiseSchedule schedule = recipe.model().schedule();
      Precision precision =
          Precision.parse(
              group.decideText(
                  "the precision", () -> Precision.parse(recipe.precision(), device).toString()),
              device);
      Captions captions = new Captions(text, device);
      try (Backbone network =
              recipe.model().create(codec.channels(), text.width(), device, precision);
          Backbone average =
              recipe.model().create(codec.channels(), text.width(), device, precision)) {
        begin(recipe, network, device, precision);
        Denoiser denoiser = schedule.denoiser(network);
        UpdateMemory memory =
            UpdateMemory.of(network, 1, 1, itemBytes(network, latents, text.maxTokens()));
        int parts = memory.parts(recipe.run(), recipe.run().microBatches());
        try (Role role = new Role("teacher", network, recipe.teacher().settings());
            FlowMatching method = new FlowMatching(denoiser, role, recipe.flow());
            Events events = new Events(folder.events())) {
          Examples examples = corpus.examples(LOOKS);
          SampleGrids grids =
              new SampleGrids(
                  recipe.run().looksEvery(),
                  folder,
                  examples.captions(),
                  events,
                  () ->
                      look(
                          recipe,
                          examples,
                          captions,
                          codec,
                          denoiser.with(average),
                          role,
                          latents.groups().get(0).latent()));
          ValidationLoss validation =
              new ValidationLoss(
                  recipe.run().looksEvery(),
                  denoiser.with(average),
                  role,
                  captions,
                  normalisation,
                  device,
                  Rng.of(recipe.seed()).fork("validation"));
          if (!kept.groups().isEmpty()) {
            validation
                .on("validation", kept.groups().get(0))
                .on("training", latents.groups().get(0));
          }
          Trainer trainer =
              new Trainer(
                  recipe.run().settings(recipe.seed(), parts),
                  method,
                  new PictureBatches(
                      latents.groups(),
                      captions,
                      recipe.run().batch(),
                      recipe.seed(),
                      normalisation,
                      device,
                      false),
                  folder,
                  group.isFirst() ? List.of(validation, shown(progress), events, grids) : List.of(),
                  listen.get(),
                  group);
          Trainer.End end = memory.watch(recipe.run(), () -> trainer.run(trainer.resume()));
          if (end == Trainer.End.FINISHED && group.isFirst()) {
            export(recipe, folder, network, role, codec, text);
          }
          return end;
        }
      }
    }
  }

  /** The weights before the first update: fresh ones, or a model folder's. */
  private static void begin(
      TeacherRecipe recipe, Backbone network, Device device, Precision precision) {
    Path from = recipe.from();
    if (from == null) {
      network.parameters().initialise(Rng.of(recipe.seed()).fork("weights"));
      return;
    }
    try (TextToImage model = ModelFolder.open(from, device, precision)) {
      network.parameters().copyFrom(model.network().parameters());
    } catch (TensorException e) {
      throw new ModelException(
          from + " (from) is another network than the recipe's model: " + e.getMessage());
    }
  }

  /** Varied captions are too many for memory, and processes share what each has encoded. */
  private static TextEncoder text(TeacherRecipe recipe, RunFolder folder, ProcessGroup group) {
    return recipe.data().wording() == EmojiCorpus.Wording.VARIED || group.size() > 1
        ? StudentTraining.onDisk(new MiniLmEncoder(), folder)
        : CachedTextEncoder.inMemory(new MiniLmEncoder(), StudentTraining.TEXT_MEMORY);
  }

  /** What an item of the largest pictures keeps while it is learnt from. */
  private static long itemBytes(Backbone network, LatentGroups latents, int captionTokens) {
    return latents.groups().stream()
        .map(LatentCorpus::latent)
        .distinct()
        .mapToLong(l -> UpdateMemory.item(network, l.get(1), l.get(2), captionTokens, 0))
        .max()
        .orElse(1);
  }

  /** Writes the averaged weights as a model folder beside the checkpoints. */
  private static void export(
      TeacherRecipe recipe,
      RunFolder folder,
      Backbone network,
      Role role,
      Codec codec,
      TextEncoder text) {
    NoiseSchedule schedule = recipe.model().schedule();
    GenerationSettings settings =
        new GenerationSettings(
            recipe.data().size(),
            recipe.data().size(),
            StepGrid.uniform(STEPS),
            GUIDANCE,
            schedule.sampler());
    ModelFolder.write(
        folder.path().resolve("teacher"),
        TextToImage.of(network, schedule, codec, text, settings, Origin.of(folder)),
        role.averages(),
        DType.BFLOAT16);
  }

  public static Observer shown(Progress progress) {
    return (long done, long updates, Metrics figures) -> {
      progress.step(done, updates, figures.values());
      return Observer.Verdict.GO_ON;
    };
  }

  /**
   * Guided pictures of the examples from the averaged weights, the same noise at every look; below
   * them the real ones.
   */
  private static Sheet look(
      TeacherRecipe recipe,
      Examples examples,
      Captions captions,
      Codec codec,
      Denoiser average,
      Role role,
      List<Integer> latent) {
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      average.network().parameters().load(role.averages());
      List<String> prompts = examples.captions();
      Tensor start =
          Rng.of(recipe.seed())
              .fork("looks")
              .normal(prompts.size(), latent.get(0), latent.get(1), latent.get(2))
              .to(average.network().parameters().device());
      Tensor z =
          recipe
              .model()
              .schedule()
              .sampler()
              .sample(
                  average,
                  StepGrid.uniform(20),
                  GUIDANCE,
                  start,
                  average.network().read(captions.of(prompts)),
                  average.network().read(captions.empty(prompts.size())),
                  k -> start,
                  null);
      Map<String, List<BufferedImage>> rows = new LinkedHashMap<>();
      rows.put("teacher, averaged weights", Pictures.of(codec.decode(z)));
      rows.put("real", Pictures.of(examples.real()));
      return new Sheet(rows);
    }
  }
}
