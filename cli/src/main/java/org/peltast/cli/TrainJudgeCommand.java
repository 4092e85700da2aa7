package org.peltast.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.peltast.data.EmojiCorpus;
import org.peltast.distill.run.MetricsLog;
import org.peltast.distill.run.Progress;
import org.peltast.distill.run.RunFolder;
import org.peltast.evaluate.GaussianStatistics;
import org.peltast.evaluate.Judge;
import org.peltast.evaluate.JudgeFolder;
import org.peltast.evaluate.JudgeRun;
import org.peltast.models.MiniLmEncoder;
import org.peltast.models.TextEncoder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "judge",
    description = {
      "Trains the contrastive image–text judge whose features every measure is taken in, on the training split, and writes the statistics of real pictures beside it.",
      "Minutes; it begins anew each time."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast train judge --out runs/judge",
      "  peltast train judge --set updates=100 --out runs/quick-judge"
    })
final class TrainJudgeCommand implements Callable<Integer> {
  private static final int EDGE = 64;

  @Mixin private RecipeOptions recipe;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "the judge's folder (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("runs/judge");

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  TrainJudgeCommand() {}

  @Override
  public Integer call() {
    recipe.read(
        RecipeShelf.Kind.JUDGE,
        JudgeRun.Recipe.defaults(),
        List.of()); // a mistake in it leaves no folder behind
    EmojiCorpus corpus;
    try (Progress progress = Display.progress("drawing emoji")) {
      corpus =
          EmojiCorpus.open(
              EmojiCorpus.Options.ofSize(EDGE)
                  .withPreparation((what, done, total) -> progress.step(done, total, Map.of())));
    }
    try (RunFolder folder = RunFolder.open(out, Display::notice);
        Progress progress = Display.progress("training the judge");
        MetricsLog log = MetricsLog.open(folder.metrics(), -1);
        TextEncoder encoder = new MiniLmEncoder()) {
      JudgeRun.Recipe settled =
          recipe.settle(RecipeShelf.Kind.JUDGE, folder, JudgeRun.Recipe.defaults(), List.of());
      try (Judge judge =
          JudgeRun.train(
              corpus.train(),
              encoder,
              settled,
              Device.CPU,
              (update, losses) -> {
                Map<String, Double> figures =
                    Map.of(
                        "loss",
                        losses.loss(),
                        "contrast",
                        losses.contrast(),
                        "family",
                        losses.family());
                log.append(update + 1, figures);
                progress.step(update + 1, settled.updates(), figures);
              })) {
        JudgeFolder saved = JudgeFolder.at(out);
        saved.save(judge, DType.FLOAT32);
        saved.saveReference(
            GaussianStatistics.of(JudgeRun.features(judge, corpus.all())),
            "all " + corpus.all().size() + " of the emoji corpus at " + EDGE + " px");
      }
    }
    System.err.println("Done: " + out);
    return ExitCode.OK;
  }
}
