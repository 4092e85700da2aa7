package org.peltast.evaluate;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * What the Fréchet distance's intervals state against its spread over fresh draws, for the table in
 * {@code docs/evaluation.md}: real pictures of the training split as they are, and with noise.
 * Argument: the judge's folder.
 */
final class MeasureIntervals {
  private static final int DRAWS = 24;

  private MeasureIntervals() {}

  public static void main(String[] args) {
    EmojiCorpus corpus = EmojiCorpus.open(EmojiCorpus.Options.ofSize(64));
    JudgeFolder folder = JudgeFolder.at(Path.of(args[0]));
    try (Judge judge = folder.load(Device.CPU)) {
      FrechetDistance reference = new FrechetDistance(folder.reference());
      measure("real", JudgeRun.features(judge, corpus.train()), reference);
      measure("noise 0.1", noisy(judge, corpus.train()), reference);
    }
  }

  private static FeatureTable noisy(Judge judge, CaptionedImages pictures) {
    List<FeatureTable> parts = new ArrayList<>();
    for (int from = 0; from < pictures.size(); from += 256) {
      try (Scope scope = Scope.open()) {
        Tensor images =
            JudgeRun.images(
                pictures, IntStream.range(from, Math.min(from + 256, pictures.size())).toArray());
        Tensor noise = Rng.of(1).fork(from).normal(images.shape()).mul(0.1);
        parts.add(judge.see(images.add(noise).clamp(0, 1)).features());
      }
    }
    return FeatureTable.joined(parts);
  }

  private static void measure(String name, FeatureTable all, FrechetDistance reference) {
    double truth = reference.to(all);
    for (int n : new int[] {256, 551}) {
      double[] raw = new double[DRAWS];
      double[] biasFree = new double[DRAWS];
      double statedRaw = 0;
      double statedFree = 0;
      int held = 0;
      for (int i = 0; i < DRAWS; i++) {
        int[] order = Rng.of(5).fork(n).fork(i).permutation(all.rows());
        FrechetSample sample = FrechetSample.of(reference, all.rows(Arrays.copyOf(order, n)), i);
        Statistic.Smooth free = sample.biasFree();
        if (free == null) {
          throw new IllegalStateException("too few pictures: " + n);
        }
        raw[i] = sample.raw().value();
        biasFree[i] = free.value();
        statedRaw += sample.raw().variance() / DRAWS;
        statedFree += free.variance() / DRAWS;
        held += Math.abs(free.value() - truth) <= Statistic.Z * Math.sqrt(free.variance()) ? 1 : 0;
      }
      System.out.printf(
          Locale.ROOT,
          "%s, n = %d, truth %.3f: raw %s stated %.4f; bias-free %s stated %.4f; held %d of %d%n",
          name,
          n,
          truth,
          Evaluation.Spread.of(raw),
          Math.sqrt(statedRaw),
          Evaluation.Spread.of(biasFree),
          Math.sqrt(statedFree),
          held,
          DRAWS);
    }
  }
}
