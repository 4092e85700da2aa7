package org.peltast.evaluate;

import java.nio.file.Path;
import org.peltast.data.EmojiCorpus;
import org.peltast.models.MiniLmEncoder;
import org.peltast.models.TextEncoder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;

/** Trains a judge on the emoji corpus and writes it: {@code FOLDER UPDATES BATCH THREADS}. */
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
            JudgeTraining.Settings.defaults());
    long start = System.nanoTime();
    try (TextEncoder encoder = new MiniLmEncoder();
        JudgeRun run = JudgeRun.begin(corpus.train(), encoder, recipe, Device.CPU)) {
      for (int update = 0; update < recipe.updates(); update++) {
        JudgeTraining.Losses losses = run.update(update, () -> {});
        if (update % 20 == 0 || update < 5) {
          System.out.printf("%d %.0f s %s%n", update, (System.nanoTime() - start) / 1e9, losses);
        }
      }
      Judge judge = run.judge();
      JudgeFolder.at(Path.of(args[0])).save(judge, DType.BFLOAT16);
      System.out.printf(
          "%d weights, %.0f s%n", judge.parameters().count(), (System.nanoTime() - start) / 1e9);
    }
  }
}
