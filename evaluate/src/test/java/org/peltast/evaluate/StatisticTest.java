package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** Intervals against the spread over fresh draws, where the truth is known. */
class StatisticTest {
  private static final int D = 8;
  private static final int N = 100;
  private static final int DRAWS = 200;
  private static final FrechetDistance STANDARD = new FrechetDistance(isotropic(0, 1));
  private static int threads;

  /** One thread: the matrices are tiny. */
  @BeforeAll
  static void oneThread() {
    threads = Engine.threads();
    Engine.threads(1);
  }

  @AfterAll
  static void allThreads() {
    Engine.threads(threads);
  }

  private static GaussianStatistics isotropic(double shift, double deviation) {
    double[] mean = new double[D];
    Arrays.fill(mean, shift);
    double[] covariance = new double[D * D];
    for (int i = 0; i < D; i++) {
      covariance[i * D + i] = deviation * deviation;
    }
    return new GaussianStatistics(9, mean, covariance);
  }

  /**
   * The squared Wasserstein distance of N(shift, deviation²) and N(0, 1) in {@value #D} features.
   */
  private static double truth(double shift, double deviation) {
    return D * (shift * shift + (deviation - 1) * (deviation - 1));
  }

  private static FeatureTable draw(double[][] noise, double shift, double deviation) {
    return FeatureTable.of(
        Arrays.stream(noise)
            .map(row -> Arrays.stream(row).map(v -> shift + deviation * v).toArray())
            .toArray(double[][]::new));
  }

  private static double[][] noise(Rng rng) {
    double[][] noise = new double[N][D];
    for (double[] row : noise) {
      for (int j = 0; j < D; j++) {
        row[j] = rng.normal();
      }
    }
    return noise;
  }

  /** What intervals came to over fresh draws: the share that hold the truth, and widths. */
  private record Coverage(double share, double mean, double deviation, double stated) {
    static Coverage of(double truth, int draws, IntFunction<Statistic> draw) {
      Bootstrap bootstrap = new Bootstrap(1, 400);
      double[] values = new double[draws];
      int held = 0;
      double stated = 0;
      for (int i = 0; i < draws; i++) {
        Statistic statistic = draw.apply(i);
        Interval interval = Objects.requireNonNull(statistic.interval(bootstrap));
        values[i] = statistic.value();
        held += interval.low() <= truth && truth <= interval.high() ? 1 : 0;
        stated += Math.pow((interval.high() - interval.low()) / (2 * Statistic.Z), 2) / draws;
      }
      Evaluation.Spread spread = Evaluation.Spread.of(values);
      return new Coverage(
          (double) held / draws, spread.mean(), spread.deviation(), Math.sqrt(stated));
    }

    void isRight() {
      assertThat(share).as("share of intervals that hold the truth: %s", this).isBetween(0.9, 0.98);
      assertThat(stated / deviation)
          .as("stated ÷ true standard deviation: %s", this)
          .isBetween(0.85, 1.18);
    }
  }

  private static Statistic biasFree(FeatureTable features) {
    return Objects.requireNonNull(FrechetSample.of(STANDARD, features, 7).biasFree());
  }

  @Test
  void biasFreeDistanceCoversTheTruthAtTheReferenceAndFarFromIt() {
    for (double[] at : new double[][] {{0, 1}, {0.15, 1}, {0.5, 0.8}}) {
      double truth = truth(at[0], at[1]);
      Coverage coverage =
          Coverage.of(truth, DRAWS, i -> biasFree(draw(noise(Rng.of(21).fork(i)), at[0], at[1])));
      coverage.isRight();
      assertThat(coverage.mean())
          .as("unbiased: %s", coverage)
          .isEqualTo(truth, within(4 * coverage.deviation() / Math.sqrt(DRAWS)));
    }
  }

  @Test
  void rawDistanceIsBiasedAndItsIntervalIsThatOfTheSpread() {
    double[] raw = new double[DRAWS];
    Coverage coverage =
        Coverage.of(
            0,
            DRAWS,
            i -> {
              Statistic one =
                  FrechetSample.of(STANDARD, draw(noise(Rng.of(22).fork(i)), 0, 1), 7).raw();
              raw[i] = one.value();
              return one;
            });
    // d/n of the mean and about d(d + 1)/(4n) of the covariance.
    assertThat(coverage.mean()).isEqualTo((D + D * (D + 1) / 4.0) / N, within(0.01));
    assertThat(coverage.stated() / coverage.deviation()).isBetween(0.85, 1.18);
    // Why no plain bootstrap: at the reference its deviation would be √3 times the true one.
    double[] first = new double[200];
    FeatureTable features = draw(noise(Rng.of(22).fork(0)), 0, 1);
    double sum = 0;
    for (int s = 0; s < 20; s++) {
      FeatureTable sample = draw(noise(Rng.of(22).fork(s)), 0, 1);
      for (int r = 0; r < first.length; r++) {
        Rng rng = Rng.of(23).fork(s).fork(r);
        int[] pick = new int[N];
        for (int i = 0; i < N; i++) {
          pick[i] = rng.below(N);
        }
        first[r] = STANDARD.to(sample.rows(pick));
      }
      sum += Math.pow(Evaluation.Spread.of(first).deviation(), 2) / 20;
    }
    assertThat(Math.sqrt(sum) / coverage.deviation()).isGreaterThan(1.4);
    Statistic again = biasFree(features);
    assertThat(again.value()).isEqualTo(biasFree(features).value());
    assertThat(FrechetSample.of(STANDARD, features, 8).biasFree().value())
        .isNotEqualTo(again.value())
        .isEqualTo(again.value(), within(0.01));
  }

  @Test
  void pairedDifferencesCoverTheTruthAndAreNarrowerThanUnpairedOnes() {
    for (double shift : new double[] {0.3, 0.4}) { // against 0.3: a difference of 0, and another
      double[] unpaired = new double[1];
      Coverage coverage =
          Coverage.of(
              truth(shift, 1) - truth(0.3, 1),
              DRAWS,
              i -> {
                double[][] common = noise(Rng.of(24).fork(i));
                double[][] own = noise(Rng.of(25).fork(i));
                for (int row = 0; row < N; row++) {
                  for (int j = 0; j < D; j++) { // unit variance, nine tenths of it in common
                    own[row][j] = Math.sqrt(0.9) * common[row][j] + Math.sqrt(0.1) * own[row][j];
                  }
                }
                Statistic a = biasFree(draw(common, shift, 1));
                Statistic b = biasFree(draw(own, 0.3, 1));
                Statistic.Smooth one = (Statistic.Smooth) a;
                Statistic.Smooth two = (Statistic.Smooth) b;
                unpaired[0] += Math.sqrt(one.variance() + two.variance()) / DRAWS;
                return a.plus(b, -1);
              });
      coverage.isRight();
      assertThat(coverage.stated()).isLessThan(0.6 * unpaired[0]);
    }
  }

  @Test
  void kernelDistanceIsUnbiasedAndItsErrorIsThatOfFreshDraws() {
    // In one dimension k(x, y) = (xy + 1)³, so MMD² = Σₖ (3 choose k) (E xᵏ − E yᵏ)², k = 1, 2, 3.
    for (double[] at : new double[][] {{0, 1}, {0.2, 1}, {0.6, 0.7}}) {
      double m = at[0];
      double s2 = at[1] * at[1];
      double truth =
          3 * m * m + 3 * Math.pow(m * m + s2 - 1, 2) + Math.pow(m * m * m + 3 * m * s2, 2);
      Coverage coverage =
          Coverage.of(
              truth,
              DRAWS,
              i -> {
                double[][] x = new double[N][1];
                double[][] y = new double[N][1];
                Rng rng = Rng.of(26).fork(i);
                for (int row = 0; row < N; row++) { // picture and real picture have noise in common
                  double common = rng.normal();
                  x[row][0] = m + at[1] * (0.6 * common + 0.8 * rng.normal());
                  y[row][0] = 0.6 * common + 0.8 * rng.normal();
                }
                return KernelDistance.of(FeatureTable.of(x), FeatureTable.of(y));
              });
      assertThat(coverage.mean())
          .as("unbiased: %s", coverage)
          .isEqualTo(truth, within(4 * coverage.deviation() / Math.sqrt(DRAWS)));
      assertThat(coverage.stated() / coverage.deviation()).as("%s", coverage).isBetween(0.8, 1.25);
    }
  }

  @Test
  void pairedBootstrapOfMeansCoversTheTruth() {
    Coverage.of(
            0.1,
            DRAWS,
            i -> {
              Rng rng = Rng.of(27).fork(i);
              double[] a = new double[N];
              double[] b = new double[N];
              for (int row = 0; row < N; row++) {
                double common = rng.normal();
                a[row] = common + 0.1 + 0.3 * rng.normal();
                b[row] = common + 0.3 * rng.normal();
              }
              return new Statistic.Mean(a).plus(new Statistic.Mean(b), -1);
            })
        .isRight();
  }

  @Test
  void equalsTheGoldenValues() throws URISyntaxException {
    Path file = Path.of(getClass().getResource("/golden/statistics.safetensors").toURI());
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> golden = TensorFiles.read(file);
      Statistic.Pairs kid =
          KernelDistance.of(
              FeatureTable.of(golden.get("input.x")), FeatureTable.of(golden.get("input.y")));
      assertThat(kid.value()).isEqualTo(golden(golden, "kid"), within(1e-9));
      assertThat(kid.variance()).isEqualTo(golden(golden, "kid_variance"), within(1e-9));
      FeatureTable unit = FeatureTable.of(golden.get("input.unit"));
      assertThat(Diversity.vendi(unit, List.of("p", "p", "p", "p"))[0])
          .isEqualTo(golden(golden, "vendi"), within(1e-9));
      double[] distances = golden.get("input.distances").toDoubles();
      assertThat(FrechetSample.extrapolated(distances[0], distances[1], distances[2]))
          .isEqualTo(golden(golden, "extrapolated"), within(1e-9));
      double[] quantiles = golden.get("output.quantiles").toDoubles();
      for (int degrees = 1; degrees <= quantiles.length; degrees++) {
        assertThat(SeedSpread.quantile(degrees)).isEqualTo(quantiles[degrees - 1], within(6e-5));
      }
    }
  }

  private static double golden(Map<String, Tensor> golden, String name) {
    return golden.get("output." + name).toDoubles()[0];
  }

  @Test
  void extrapolationIsExactOnAParabolaAndPartitionsAreWhole() {
    assertThat(FrechetSample.extrapolated(5 + 2 + 3, 5 + 4 + 12, 5 + 6 + 27))
        .isEqualTo(5, within(1e-12));
    int[][] parts = FrechetSample.partition(11, 3, Rng.of(1));
    assertThat(parts).hasNumberOfRows(3);
    assertThat(Arrays.stream(parts).flatMapToInt(Arrays::stream).sorted().toArray())
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    assertThat(Arrays.stream(parts).mapToInt(p -> p.length)).containsExactlyInAnyOrder(3, 4, 4);
  }

  @Test
  void fewPicturesHaveNoIntervalAndNoExtrapolation() {
    FeatureTable few =
        FeatureTable.of(
            new double[][] {
              {0, 0, 0, 1, 2, 0, 0, 1}, {1, 0, 2, 0, 1, 0, 0, 3}, {0, 3, 1, 1, 0, 0, 2, 0}
            });
    FrechetSample sample = FrechetSample.of(STANDARD, few, 1);
    assertThat(sample.biasFree()).isNull();
    assertThat(sample.raw().interval(new Bootstrap(1, 20))).isNull();
    assertThat(sample.raw().value()).isEqualTo(STANDARD.to(few), within(1e-6));
    assertThat(KernelDistance.of(few, few).value()).isZero();
    assertThat(KernelDistance.of(few, few).interval(new Bootstrap(1, 20))).isNull();
    assertThatThrownBy(() -> KernelDistance.of(few, few.rows(0, 1)))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("3 × 8 features and 2 × 8");
  }

  @Test
  void whatIsNotOverTheSamePromptsIsNotSubtracted() {
    Statistic mean = new Statistic.Mean(new double[] {1, 2});
    assertThatThrownBy(() -> mean.plus(new Statistic.Mean(new double[3]), -1))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("a mean over 2 prompts and a mean over 3 prompts");
    assertThatThrownBy(() -> mean.plus(new Statistic.Pairs(new double[2][2]), -1))
        .isInstanceOf(EvaluationException.class);
    assertThat(Statistic.average(List.of(mean, new Statistic.Mean(new double[] {3, 6}))).value())
        .isEqualTo(3, within(1e-12));
  }
}
