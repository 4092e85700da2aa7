package org.peltast.evaluate;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * Measures sets of pictures made for prompts, all with one judge, one reference and one seed, so
 * that the figures of several sets (student, teacher, real) compare. The same pictures give the
 * same figures.
 */
public final class Evaluation {
  /** Resamples for intervals of means. */
  private static final int RESAMPLES = 1000;

  /**
   * Resamples for the interval of the Fréchet distance, each of which costs an eigenvalue problem.
   */
  private static final int FRECHET_RESAMPLES = 100;

  private static final int K = 10;

  private final Judge judge;
  private final TextEncoder encoder;
  private final FrechetDistance distance;
  private final long seed;

  /**
   * An evaluation.
   *
   * @param judge used, not closed
   * @param encoder the text encoder that the judge was trained with; used, not closed
   * @param reference statistics of the judge's features over real pictures
   * @param seed of the resampling
   * @throws EvaluationException if encoder or reference are not the judge's
   */
  public Evaluation(Judge judge, TextEncoder encoder, GaussianStatistics reference, long seed) {
    if (!judge.config().textEncoder().equals(encoder.id())) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The judge %s was trained with the text encoder %s, but was given %s.",
              judge.config().name(),
              judge.config().textEncoder(),
              encoder.id()));
    }
    if (reference.width() != judge.config().features()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "The reference statistics have %d features, the judge %s has %d.",
              reference.width(),
              judge.config().name(),
              judge.config().features()));
    }
    this.judge = judge;
    this.encoder = encoder;
    this.distance = new FrechetDistance(reference);
    this.seed = seed;
  }

  /**
   * Measures one set.
   *
   * @param images [n, 3, h, w] floating, in [0, 1] (clamped to it), n ≥ 2
   * @param prompts what each was asked for, n; if a caption comes several times, its pictures also
   *     give the diversity
   * @throws EvaluationException if the shapes do not fit or a pixel is not a number
   */
  public Scores score(Tensor images, List<Prompt> prompts) {
    Judge.Sight sight = look(images, prompts);
    int n = prompts.size();
    Bootstrap bootstrap = new Bootstrap(seed, RESAMPLES);
    Map<String, Interval> intervals = new LinkedHashMap<>();

    double frechet = distance.to(sight.features());
    intervals.put(
        "frechet",
        new Bootstrap(seed, FRECHET_RESAMPLES)
            .bySpread(frechet, n, rows -> distance.to(sight.features().rows(rows))));

    List<String> captions = prompts.stream().map(Prompt::caption).toList();
    List<String> distinct = captions.stream().distinct().toList();
    int[] own = captions.stream().mapToInt(distinct::indexOf).toArray();
    FeatureTable texts = judge.read(encoder, distinct);
    double alignment =
        mean(
            "alignment",
            Alignment.perImage(sight.embeddings(), texts.rows(own)),
            bootstrap,
            intervals);
    double retrieval =
        mean(
            "retrievalAt10",
            Retrieval.atK(sight.embeddings(), texts, own, K),
            bootstrap,
            intervals);

    double[] rightFamily =
        IntStream.range(0, n)
            .filter(i -> judge.config().families().contains(prompts.get(i).family()))
            .mapToDouble(i -> sight.families().get(i).equals(prompts.get(i).family()) ? 1 : 0)
            .toArray();
    Double families =
        rightFamily.length == 0 ? null : mean("familyAccuracy", rightFamily, bootstrap, intervals);

    double[] perPrompt = Diversity.perPrompt(sight.features(), captions, distance.reference());
    Double diversity =
        perPrompt.length == 0 ? null : mean("diversity", perPrompt, bootstrap, intervals);

    List<ColourStatistics> colours = ColourStatistics.of(images.clamp(0, 1));
    return new Scores(
        judge.config().name(),
        n,
        frechet,
        alignment,
        retrieval,
        families,
        diversity,
        colour("mean", colours, ColourStatistics::mean, bootstrap, intervals),
        colour("variance", colours, ColourStatistics::variance, bootstrap, intervals),
        colour("saturation", colours, ColourStatistics::saturation, bootstrap, intervals),
        colour("colourCast", colours, ColourStatistics::colourCast, bootstrap, intervals),
        intervals);
  }

  /**
   * Adds the diversity that pictures of their own show: several pictures of each of some prompts,
   * from different noise, which need not be those of {@link #score}.
   *
   * @param images [m, 3, h, w]
   * @param prompts m, each caption twice or more
   * @return the same scores if the real pictures are all alike, for there is then no unit
   * @throws EvaluationException if no caption comes twice
   */
  public Scores withDiversity(Scores scores, Tensor images, List<Prompt> prompts) {
    if (!distance.reference().isSpread()) {
      return scores;
    }
    double[] perPrompt =
        Diversity.perPrompt(
            look(images, prompts).features(),
            prompts.stream().map(Prompt::caption).toList(),
            distance.reference());
    if (perPrompt.length == 0) {
      throw new EvaluationException(
          "Diversity needs two pictures or more of a prompt, but every caption comes once.");
    }
    return scores.withDiversity(
        Arrays.stream(perPrompt).average().orElseThrow(),
        new Bootstrap(seed, RESAMPLES).ofMean(perPrompt));
  }

  /**
   * The noise floor: what the Fréchet distance of n <em>real</em> pictures from the reference is,
   * on average over draws without replacement. Nothing measured with this n should be expected
   * below it, and the distance of two figures means little if it is small beside it.
   *
   * @param real features of real pictures ({@link Judge#see}), at least n
   * @param n as many as in the sets that are measured
   * @param draws at least 2
   */
  public NoiseFloor noiseFloor(FeatureTable real, int n, int draws) {
    if (n < 2 || n > real.rows() || draws < 2) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A noise floor for %d pictures needs as many real ones and two draws or more; there are %d pictures and %d draws.",
              n,
              real.rows(),
              draws));
    }
    Rng rng = Rng.of(seed).fork("noise floor");
    double[] distances = new double[draws];
    for (int i = 0; i < draws; i++) {
      int[] order = rng.fork(i).permutation(real.rows());
      distances[i] = distance.to(real.rows(Arrays.copyOf(order, n)));
    }
    double mean = Arrays.stream(distances).average().orElseThrow();
    double variance =
        Arrays.stream(distances).map(d -> (d - mean) * (d - mean)).sum() / (draws - 1);
    return new NoiseFloor(n, mean, Math.sqrt(variance));
  }

  /**
   * Real pictures measured as if they were generated.
   *
   * @param images n
   * @param frechet the mean distance of n real pictures from the reference
   * @param deviation its standard deviation from draw to draw
   */
  public record NoiseFloor(int images, double frechet, double deviation) {}

  private Judge.Sight look(Tensor images, List<Prompt> prompts) {
    if (images.rank() == 0 || images.size(0) != prompts.size()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "Every picture needs its prompt: the pictures are %s, the prompts %d.",
              images,
              prompts.size()));
    }
    return judge.see(images);
  }

  private static double colour(
      String name,
      List<ColourStatistics> colours,
      ToDoubleFunction<ColourStatistics> which,
      Bootstrap bootstrap,
      Map<String, Interval> intervals) {
    return mean(name, ColourStatistics.column(colours, which), bootstrap, intervals);
  }

  private static double mean(
      String name, double[] values, Bootstrap bootstrap, Map<String, Interval> intervals) {
    intervals.put(name, bootstrap.ofMean(values));
    return Arrays.stream(values).average().orElseThrow();
  }
}
