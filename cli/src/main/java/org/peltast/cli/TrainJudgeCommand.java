package org.peltast.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.distill.Observer;
import org.peltast.distill.Trainer;
import org.peltast.evaluate.GaussianStatistics;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.JudgeRun;
import org.peltast.models.text.TextEncoder;
import org.peltast.runs.Progress;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.training.Corpus;
import org.peltast.training.Devices;
import org.peltast.training.Origin;
import org.peltast.training.RecipeShelf;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "judge",
    description = {
      "Trains the contrastive image–text judge whose features every measure is taken in, on the"
          + " training split, and writes the statistics of real pictures beside it.",
      "It reads captions with a text tower of its own (text=ngrams), so that it has no blind spot"
          + " in common with a generator's text encoder; validation pairs are kept from it.",
      "The same command on the same folder goes on with an unfinished run. Ctrl-C finishes the"
          + " update and saves."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast train judge --out output/judge",
      "  peltast train judge --set updates=100 --out output/quick-judge",
      "  peltast train judge --out output/judge --resume"
    })
final class TrainJudgeCommand implements Callable<Integer> {
  private static final int EDGE = 64;
  private static final Duration CHECKPOINT_EVERY = Duration.ofMinutes(1);
  private static final int CHECKPOINTS = 2;

  @Mixin private RecipeOptions recipe;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "the judge's folder (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("output/judge");

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  TrainJudgeCommand() {}

  @Override
  public Integer call() {
    Ranks.requireAlone("train judge", System.getenv());
    // A mistake in it leaves no folder behind.
    JudgeRun.Recipe wanted =
        recipe.read(RecipeShelf.Kind.JUDGE, JudgeRun.Recipe.defaults(), List.of());
    NativeLibraries.open();
    Devices.of(wanted.device());
    EmojiCorpus corpus;
    try (Progress progress = Display.progress("drawing emoji")) {
      corpus =
          EmojiCorpus.open(
              EmojiCorpus.Options.ofSize(EDGE)
                  .withPreparation((what, done, total) -> progress.step(done, total, Map.of())));
    }
    try (RunFolder folder = RunFolder.open(out, Display::notice)) {
      JudgeRun.Recipe settled =
          recipe.settle(RecipeShelf.Kind.JUDGE, folder, JudgeRun.Recipe.defaults(), List.of());
      EmojiCorpus.Training seen =
          new EmojiCorpus.Training(settled.validation(), EmojiCorpus.Wording.PLAIN, false);
      CaptionedImages learnt = corpus.train(seen);
      Origin.settle(
          folder,
          settled.seed(),
          new Corpus.OfEmoji(corpus, learnt, settled.validation()).inputs());
      Device device = Devices.of(settled.device());
      Interrupts interrupts = Interrupts.listen("this update");
      try (TextEncoder encoder = settled.text().open();
          JudgeRun run = JudgeRun.begin(learnt, encoder, settled, device)) {
        Trainer.End end = train(run, folder, interrupts);
        if (end == Trainer.End.FINISHED) {
          JudgeFolder saved = JudgeFolder.at(out);
          saved.save(run.judge(), DType.FLOAT32);
          saved.saveReference(
              GaussianStatistics.of(JudgeRun.features(run.judge(), corpus.all())),
              "all " + corpus.all().size() + " of the emoji corpus at " + EDGE + " px");
        }
        return RunEnd.tell(end, "peltast train judge --out " + out, out);
      }
    }
  }

  private static Trainer.End train(JudgeRun run, RunFolder folder, Interrupts interrupts) {
    try (Progress progress = Display.progress("training the judge")) {
      Observer shown =
          (done, all, metrics) -> {
            progress.step(done, all, metrics.values());
            return Observer.Verdict.GO_ON;
          };
      Trainer trainer =
          new Trainer(
              run.settings(CHECKPOINT_EVERY, CHECKPOINTS),
              run.method(),
              run.batches(),
              folder,
              List.of(shown),
              interrupts);
      return trainer.run(trainer.resume());
    }
  }
}
