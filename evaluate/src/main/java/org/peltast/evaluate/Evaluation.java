package org.peltast.evaluate;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Measures sets of pictures made for prompts, all with one judge, one reference and one seed, so
 * that the figures of several sets (student, teacher, real) compare. The same pictures give the
 * same figures.
 */
public final class Evaluation {
  /** Resamples for intervals of means. */
  private static final int RESAMPLES = 1000;

  private static final int K = 10;

  /** Random partitions of each pair of halves of the noise floor. */
  private static final int FLOOR_PARTITIONS = 8;

  private final Judge judge;
  private final TextEncoder encoder;
  private final FrechetDistance distance;
  private final long seed;

  /**
   * An evaluation.
   *
   * @param judge used, not closed
   * @param encoder the text encoder of the model that is measured, which judges without a text
   *     tower of their own read with; used, not closed
   * @param reference statistics of the judge's features over real pictures
   * @param seed of the resampling
   * @throws EvaluationException if the judge does not read with the encoder, or the reference is
   *     not its own
   */
  public Evaluation(Judge judge, TextEncoder encoder, GaussianStatistics reference, long seed) {
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
    this.encoder = judge.readsWith(encoder);
    this.distance = new FrechetDistance(reference);
    this.seed = seed;
  }

  /**
   * Several pictures of each of some prompts, from different noise, for measures of diversity.
   *
   * @param images [m, 3, h, w] floating, in [0, 1]
   * @param prompts m, each caption twice or more
   */
  public record Samples(Tensor images, List<Prompt> prompts) {
    /** Copies the list. */
    public Samples {
      prompts = List.copyOf(prompts);
    }
  }

  /** The figures of one set; see {@link #measure}. */
  public Scores score(Tensor images, List<Prompt> prompts) {
    return measure(images, prompts, null, null).scores();
  }

  /**
   * Measures one set.
   *
   * @param images [n, 3, h, w] floating, in [0, 1] (clamped to it), n ≥ 2
   * @param prompts what each was asked for, n
   * @param real features of the real pictures of the same prompts ({@link Judge#see}), n, which the
   *     kernel distance is to; null leaves that out
   * @param samples what diversity is measured on; null for the pictures of captions that come
   *     several times in the set itself, if any does
   * @throws EvaluationException if the shapes do not fit or a pixel is not a number
   */
  public Measurement measure(
      Tensor images, List<Prompt> prompts, @Nullable FeatureTable real, @Nullable Samples samples) {
    Judge.Sight sight = look(images, prompts);
    int n = prompts.size();
    Map<Measure, Statistic> all = new EnumMap<>(Measure.class);

    FrechetSample frechet = FrechetSample.of(distance, sight.features(), seed);
    all.put(Measure.FRECHET, frechet.raw());
    if (frechet.biasFree() != null) {
      all.put(Measure.FRECHET_BIAS_FREE, frechet.biasFree());
    }
    Statistic.Pairs kid = real == null ? null : KernelDistance.of(sight.features(), real);
    if (kid != null) {
      all.put(Measure.KID, kid);
    }

    List<String> captions = prompts.stream().map(Prompt::caption).toList();
    List<String> distinct = captions.stream().distinct().toList();
    int[] own = captions.stream().mapToInt(distinct::indexOf).toArray();
    FeatureTable texts = judge.read(encoder, distinct);
    all.put(
        Measure.ALIGNMENT,
        new Statistic.Mean(Alignment.perImage(sight.embeddings(), texts.rows(own))));
    all.put(
        Measure.RETRIEVAL, new Statistic.Mean(Retrieval.atK(sight.embeddings(), texts, own, K)));
    double[] rightFamily =
        IntStream.range(0, n)
            .filter(i -> judge.config().families().contains(prompts.get(i).family()))
            .mapToDouble(i -> sight.families().get(i).equals(prompts.get(i).family()) ? 1 : 0)
            .toArray();
    if (rightFamily.length > 0) {
      all.put(Measure.FAMILY_ACCURACY, new Statistic.Mean(rightFamily));
    }
    diversity(
        all,
        samples == null ? sight : look(samples.images(), samples.prompts()),
        samples == null ? prompts : samples.prompts(),
        samples != null);

    List<ColourStatistics> colours = ColourStatistics.of(images.clamp(0, 1));
    all.put(Measure.MEAN, colour(colours, ColourStatistics::mean));
    all.put(Measure.VARIANCE, colour(colours, ColourStatistics::variance));
    all.put(Measure.SATURATION, colour(colours, ColourStatistics::saturation));
    all.put(Measure.COLOUR_CAST, colour(colours, ColourStatistics::colourCast));

    List<Prompt> compared = new ArrayList<>(prompts);
    compared.addAll(samples == null ? List.of() : samples.prompts());
    Bootstrap bootstrap = new Bootstrap(seed, RESAMPLES);
    return new Measurement(compared, scores(n, all, kid, bootstrap), all, bootstrap);
  }

  private void diversity(
      Map<Measure, Statistic> all, Judge.Sight sight, List<Prompt> prompts, boolean required) {
    List<String> captions = prompts.stream().map(Prompt::caption).toList();
    double[] distances = Diversity.perPrompt(sight.features(), captions, distance.reference());
    double[] vendi = Diversity.vendi(sight.embeddings(), captions);
    if (distances.length > 0) { // none if the real pictures are all alike: there is then no unit
      all.put(Measure.DIVERSITY, new Statistic.Mean(distances));
    }
    if (vendi.length > 0) {
      all.put(Measure.VENDI, new Statistic.Mean(vendi));
    } else if (required) {
      throw new EvaluationException(
          "Diversity needs two pictures or more of a prompt, but every caption comes once.");
    }
  }

  private Scores scores(
      int n, Map<Measure, Statistic> all, Statistic.@Nullable Pairs kid, Bootstrap bootstrap) {
    Function<Measure, @Nullable Double> optional =
        measure -> {
          Statistic statistic = all.get(measure);
          return statistic == null ? null : statistic.value();
        };
    ToDoubleFunction<Measure> value =
        measure -> Objects.requireNonNull(all.get(measure), measure.key()).value();
    double error = kid == null ? Double.NaN : kid.error();
    return new Scores(
        judge.config().name(),
        n,
        optional.apply(Measure.FRECHET_BIAS_FREE),
        value.applyAsDouble(Measure.FRECHET),
        optional.apply(Measure.KID),
        Double.isNaN(error) ? null : error,
        value.applyAsDouble(Measure.ALIGNMENT),
        value.applyAsDouble(Measure.RETRIEVAL),
        optional.apply(Measure.FAMILY_ACCURACY),
        optional.apply(Measure.DIVERSITY),
        optional.apply(Measure.VENDI),
        value.applyAsDouble(Measure.MEAN),
        value.applyAsDouble(Measure.VARIANCE),
        value.applyAsDouble(Measure.SATURATION),
        value.applyAsDouble(Measure.COLOUR_CAST),
        Measurement.intervals(all, bootstrap));
  }

  private static Statistic colour(
      List<ColourStatistics> colours, ToDoubleFunction<ColourStatistics> which) {
    return new Statistic.Mean(ColourStatistics.column(colours, which));
  }

  /**
   * The noise floor: real pictures against real pictures. The real pictures are cut at random into
   * two halves, again and again, and the halves measured against each other. The bias-free distance
   * and the kernel distance of the halves are 0 on average; how much they vary is what a difference
   * has to stand out from. The raw distance of halves shows the bias.
   *
   * @param real features of real pictures ({@link Judge#see}), at least four
   * @param splits at least 2
   */
  public NoiseFloor noiseFloor(FeatureTable real, int splits) {
    if (real.rows() < 4 || splits < 2) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "A noise floor needs four real pictures or more, for two halves, and two splits or"
                  + " more; there are %d pictures and %d splits.",
              real.rows(),
              splits));
    }
    Rng rng = Rng.of(seed).fork("noise floor");
    int n = real.rows() / 2;
    boolean extrapolates = FrechetSample.extrapolates(n, real.width());
    double[] raw = new double[splits];
    double[] biasFree = new double[splits];
    double[] kid = new double[splits];
    for (int i = 0; i < splits; i++) {
      int[] order = rng.fork(i).permutation(real.rows());
      FeatureTable a = real.rows(Arrays.copyOf(order, n));
      FeatureTable b = real.rows(Arrays.copyOfRange(order, n, 2 * n));
      raw[i] = FrechetDistance.between(GaussianStatistics.of(a), GaussianStatistics.of(b));
      biasFree[i] =
          extrapolates
              ? FrechetSample.extrapolated(
                  raw[i], parts(a, b, 2, rng.fork(i)), parts(a, b, 3, rng.fork(i)))
              : Double.NaN;
      kid[i] = KernelDistance.of(a, b).value();
    }
    return new NoiseFloor(
        n, Spread.of(raw), extrapolates ? Spread.of(biasFree) : null, Spread.of(kid));
  }

  /** The mean distance of the k parts of one set from those of another, over random partitions. */
  private static double parts(FeatureTable a, FeatureTable b, int k, Rng rng) {
    double sum = 0;
    for (int r = 0; r < FLOOR_PARTITIONS; r++) {
      int[][] first = FrechetSample.partition(a.rows(), k, rng.fork("first").fork(r));
      int[][] second = FrechetSample.partition(b.rows(), k, rng.fork("second").fork(r));
      for (int i = 0; i < k; i++) {
        sum +=
            FrechetDistance.between(
                GaussianStatistics.of(a.rows(first[i])), GaussianStatistics.of(b.rows(second[i])));
      }
    }
    return sum / (k * FLOOR_PARTITIONS);
  }

  /**
   * Mean and standard deviation over draws.
   *
   * @param mean of all
   * @param deviation from draw to draw
   */
  public record Spread(double mean, double deviation) {
    static Spread of(double[] values) {
      double mean = Arrays.stream(values).average().orElseThrow();
      double squares = Arrays.stream(values).map(d -> (d - mean) * (d - mean)).sum();
      return new Spread(mean, Math.sqrt(squares / (values.length - 1)));
    }
  }

  /**
   * Two halves of the real pictures, measured against each other.
   *
   * @param images in each half
   * @param frechet the raw distance
   * @param frechetBiasFree the extrapolated one, or null if there are too few pictures
   * @param kid the kernel distance
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record NoiseFloor(
      int images, Spread frechet, @Nullable Spread frechetBiasFree, Spread kid) {
    /** It as a JSON object, for {@code metrics.json}. */
    public ObjectNode toJson() {
      return JsonMapper.builder().build().valueToTree(this);
    }
  }

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
}
