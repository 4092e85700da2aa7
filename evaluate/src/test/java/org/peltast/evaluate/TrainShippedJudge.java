package org.peltast.evaluate;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.peltast.data.EmojiCorpus;
import org.peltast.distill.Batch;
import org.peltast.distill.Metrics;
import org.peltast.distill.UpdateExecutor;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Range;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;

/**
 * Trains a judge on the emoji corpus without its held-out and validation pairs and writes it in
 * bfloat16: {@code FOLDER UPDATES BATCH THREADS}. Training that can be resumed is {@code peltast
 * train judge}.
 */
final class TrainShippedJudge {
  private TrainShippedJudge() {}

  public static void main(String[] args) {
    if (args.length > 3) {
      Engine.threads(Integer.parseInt(args[3]));
    }
    EmojiCorpus corpus = EmojiCorpus.open(EmojiCorpus.Options.ofSize(64));
    JudgeRun.Recipe recipe =
        new JudgeRun.Recipe(
            Integer.parseInt(args[1]),
            Integer.parseInt(args[2]),
            0,
            "cpu",
            JudgeRun.Text.NGRAMS,
            true,
            JudgeTraining.Settings.defaults());
    long start = System.nanoTime();
    EmojiCorpus.Training seen =
        new EmojiCorpus.Training(recipe.validation(), EmojiCorpus.Wording.PLAIN, false);
    try (TextEncoder encoder = recipe.text().open();
        JudgeRun run = JudgeRun.begin(corpus.train(seen), encoder, recipe, Device.CPU)) {
      UpdateExecutor executor = new UpdateExecutor(run.method(), 1);
      for (int update = 0; update < recipe.updates(); update++) {
        try (Scope scope = Scope.open()) {
          Batch batch = run.batches().at(update, new Range(0, recipe.batch()));
          Metrics metrics =
              executor.update(
                  update, recipe.updates(), List.of(batch), Rng.of(0).fork(update), () -> {});
          if (update % 20 == 0 || update < 5) {
            System.out.printf(
                Locale.ROOT,
                "%d %.0f s %s%n",
                update,
                (System.nanoTime() - start) / 1e9,
                metrics.values());
          }
        }
      }
      Judge judge = run.judge();
      JudgeFolder.at(Path.of(args[0])).save(judge, DType.BFLOAT16);
      System.out.printf(
          Locale.ROOT,
          "%d weights, %.0f s%n",
          judge.parameters().count(),
          (System.nanoTime() - start) / 1e9);
    }
  }
}
