package org.peltast.evaluate;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Prints how well two judges read real validation pictures, and how far they agree on generated
 * ones: {@code JUDGE JUDGE MODEL}. A judge is chosen on validation pairs, never on test pairs; one
 * that has seen them in training has the advantage.
 */
final class CompareJudges {
  private static final int GENERATED = 256;

  private CompareJudges() {}

  public static void main(String[] args) {
    EmojiCorpus corpus = EmojiCorpus.open(EmojiCorpus.Options.ofSize(64));
    CaptionedImages validation = corpus.validation();
    int[] all = corpus.validationOrder(Integer.MAX_VALUE).stream().mapToInt(i -> i).toArray();
    List<Prompt> prompts = JudgeRun.prompts(validation, all);
    try (TextEncoder miniLm = new MiniLmEncoder();
        Judge first = JudgeFolder.at(Path.of(args[0])).load(Device.CPU);
        Judge second = JudgeFolder.at(Path.of(args[1])).load(Device.CPU);
        TextToImage model = ModelFolder.open(Path.of(args[2]), Device.CPU, Precision.FLOAT32);
        Scope scope = Scope.open()) {
      Tensor real = JudgeRun.images(validation, all);
      print("first, real validation pictures", first, miniLm, real, prompts);
      print("second, real validation pictures", second, miniLm, real, prompts);
      List<Prompt> some = prompts.subList(0, GENERATED);
      List<String> captions = some.stream().map(Prompt::caption).toList();
      Tensor drawn = model.generate(captions, 1, model.defaults(), 64, done -> {});
      double[] a = print("first, generated", first, miniLm, drawn, some);
      double[] b = print("second, generated", second, miniLm, drawn, some);
      System.out.printf(
          Locale.ROOT, "correlation of alignments of generated pictures %.3f%n", correlation(a, b));
    }
  }

  private static double[] print(
      String name, Judge judge, TextEncoder generator, Tensor images, List<Prompt> prompts) {
    Judge.Sight sight = judge.see(images);
    List<String> captions = prompts.stream().map(Prompt::caption).toList();
    FeatureTable texts = judge.read(judge.readsWith(generator), captions);
    int[] own = IntStream.range(0, captions.size()).toArray();
    double[] alignment = Alignment.perImage(sight.embeddings(), texts);
    double[] retrieval = Retrieval.atK(sight.embeddings(), texts, own, 10);
    double[] family =
        IntStream.range(0, captions.size())
            .mapToDouble(i -> sight.families().get(i).equals(prompts.get(i).family()) ? 1 : 0)
            .toArray();
    Bootstrap bootstrap = new Bootstrap(1, 1000);
    System.out.printf(
        Locale.ROOT,
        "%s: n %d, alignment %.1f, retrieval@10 %.3f %s, family accuracy %.3f %s%n",
        name,
        captions.size(),
        mean(alignment),
        mean(retrieval),
        bootstrap.ofMean(retrieval),
        mean(family),
        bootstrap.ofMean(family));
    return alignment;
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  private static double correlation(double[] a, double[] b) {
    double ma = mean(a);
    double mb = mean(b);
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (a[i] - ma) * (b[i] - mb);
      aa += (a[i] - ma) * (a[i] - ma);
      bb += (b[i] - mb) * (b[i] - mb);
    }
    return ab / Math.sqrt(aa * bb);
  }
}
