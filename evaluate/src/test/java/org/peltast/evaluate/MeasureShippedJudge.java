package org.peltast.evaluate;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Writes the reference statistics beside a judge and prints the figures of {@code
 * docs/evaluation.md}: held-out real pictures, the noise floor, and pictures spoilt on purpose.
 * Argument: the judge's folder.
 */
final class MeasureShippedJudge {
  private MeasureShippedJudge() {}

  public static void main(String[] args) {
    EmojiCorpus corpus = EmojiCorpus.open(EmojiCorpus.Options.ofSize(64));
    CaptionedImages heldOut = corpus.heldOut();
    JudgeFolder folder = JudgeFolder.at(Path.of(args[0]));
    try (TextEncoder encoder = new MiniLmEncoder();
        Judge judge = folder.load(Device.CPU);
        Scope scope = Scope.open()) {
      long start = System.nanoTime();
      FeatureTable all = JudgeRun.features(judge, corpus.all());
      System.out.printf(
          "features of %d pictures: %.1f s%n", all.rows(), (System.nanoTime() - start) / 1e9);
      folder.saveReference(
          GaussianStatistics.of(all), "all " + corpus.all().size() + " of emoji-1 at 64 px");
      FeatureTable held = JudgeRun.features(judge, heldOut);

      Evaluation evaluation = new Evaluation(judge, encoder, folder.reference(), 0);
      Evaluation heldOnly = new Evaluation(judge, encoder, GaussianStatistics.of(held), 0);
      System.out.println("floor, held-out " + evaluation.noiseFloor(held, 32).toJson());
      for (int n : new int[] {256, held.rows()}) {
        int[] order = corpus.evaluationOrder(n).stream().mapToInt(Integer::intValue).toArray();
        Tensor real = JudgeRun.images(heldOut, order);
        List<Prompt> prompts = JudgeRun.prompts(heldOut, order);
        long before = System.nanoTime();
        judge.see(real);
        System.out.printf("seeing %d: %.2f s%n", order.length, (System.nanoTime() - before) / 1e9);
        before = System.nanoTime();
        Scores scores = evaluation.score(real, prompts);
        System.out.printf("scoring %d: %.2f s%n", n, (System.nanoTime() - before) / 1e9);
        print("real", scores, real, prompts, heldOnly);
        System.out.println(scores.toJson());
        if (n != 256) {
          continue;
        }
        for (double noise : new double[] {0.02, 0.05, 0.1, 0.2}) {
          Tensor x = real.add(Rng.of(1).normal(real.shape()).mul(noise)).clamp(0, 1);
          print("noise " + noise, evaluation.score(x, prompts), x, prompts, heldOnly);
        }
        for (int blur : new int[] {2, 4, 8}) {
          Tensor x = real.averagePool(blur).upsampleNearest(64, 64);
          print("blocks " + blur, evaluation.score(x, prompts), x, prompts, heldOnly);
        }
        for (double pale : new double[] {0.9, 0.7, 0.5}) {
          Tensor x = real.mul(pale).add(1 - pale);
          print("washed to " + pale, evaluation.score(x, prompts), x, prompts, heldOnly);
        }
        for (double over : new double[] {1.2, 1.5, 2}) {
          Tensor grey = real.mean(true, 1);
          Tensor x = real.sub(grey).mul(over).add(grey).clamp(0, 1);
          print("saturated " + over, evaluation.score(x, prompts), x, prompts, heldOnly);
        }
        int half = n / 2;
        Tensor one = Tensor.cat(List.of(real.narrow(0, 0, half), real.narrow(0, 0, half)), 0);
        print("half of them twice", evaluation.score(one, prompts), one, prompts, heldOnly);
        Tensor shuffled = Tensor.cat(List.of(real.narrow(0, 1, n - 1), real.narrow(0, 0, 1)), 0);
        print("wrong prompts", evaluation.score(shuffled, prompts), shuffled, prompts, heldOnly);
      }
      System.out.println(
          "families: "
              + Arrays.toString(
                  judge.config().families().stream()
                      .mapToLong(
                          f ->
                              IntStream.range(0, heldOut.size())
                                  .filter(i -> heldOut.item(i).family().equals(f))
                                  .count())
                      .toArray()));
    }
  }

  private static void print(
      String name, Scores s, Tensor images, List<Prompt> prompts, Evaluation heldOnly) {
    System.out.printf(
        Locale.ROOT,
        "%-20s frechet %.3f [%.3f, %.3f] (to held-out alone %.3f) alignment %.1f r@10 %.3f family"
            + " %.3f variance %.4f saturation %.3f cast %.3f%n",
        name,
        s.frechet(),
        s.intervals().get("frechet").low(),
        s.intervals().get("frechet").high(),
        heldOnly.score(images, prompts).frechet(),
        s.alignment(),
        s.retrievalAt10(),
        s.familyAccuracy(),
        s.variance(),
        s.saturation(),
        s.colourCast());
  }
}
