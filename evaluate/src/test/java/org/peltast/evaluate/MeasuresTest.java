package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class MeasuresTest {
  private static final FeatureTable AXES = FeatureTable.of(new double[][] {{1, 0}, {0, 1}});

  @Test
  void alignmentIsAHundredTimesTheCosine() {
    FeatureTable images = FeatureTable.of(new double[][] {{0.6, 0.8}, {0.6, 0.8}});
    assertThat(Alignment.perImage(images, AXES))
        .containsExactly(new double[] {60, 80}, within(1e-9));
    assertThatThrownBy(() -> Alignment.perImage(images, AXES.rows(0)))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("2 pictures and 1 captions");
  }

  @Test
  void retrievalCountsTheCaptionsThatAreNearer() {
    // Captions at 0°, 10°, … 50°; the picture at 0° was asked for each in turn.
    FeatureTable captions =
        FeatureTable.of(
            IntStream.range(0, 6)
                .mapToObj(
                    i -> new double[] {Math.cos(i * Math.PI / 18), Math.sin(i * Math.PI / 18)})
                .toArray(double[][]::new));
    FeatureTable images = AXES.rows(0, 0, 0, 0, 0, 0);
    int[] own = {0, 1, 2, 3, 4, 5};
    assertThat(Retrieval.atK(images, captions, own, 1)).containsExactly(1, 0, 0, 0, 0, 0);
    assertThat(Retrieval.atK(images, captions, own, 4)).containsExactly(1, 1, 1, 1, 0, 0);
    assertThat(Retrieval.atK(images, captions, own, 6)).containsOnly(1);
  }

  @Test
  void diversityIsOneForAnyTwoPicturesAndZeroForCopies() {
    // Tr Σ = 2 gives the unit √4 = 2.
    GaussianStatistics reference =
        new GaussianStatistics(9, new double[2], new double[] {1, 0, 0, 1});
    FeatureTable features =
        FeatureTable.of(new double[][] {{0, 0}, {5, 5}, {3, 4}, {5, 5}, {7, 7}, {0, 8}});
    double[] diversity =
        Diversity.perPrompt(features, List.of("a", "copy", "a", "copy", "alone", "a"), reference);
    assertThat(diversity).hasSize(2);
    assertThat(diversity[0]).isEqualTo((5 + 8 + 5) / 3.0 / 2, within(1e-12));
    assertThat(diversity[1]).isZero();
    // Independent draws from the reference itself: just below 1, because E‖a − b‖ ≤ √E‖a − b‖².
    FeatureTable draws = FrechetDistanceTest.normal(200, 32, 4);
    double[] one =
        Diversity.perPrompt(
            draws,
            IntStream.range(0, 200).mapToObj(i -> "p" + i / 2).toList(),
            GaussianStatistics.of(draws));
    assertThat(Arrays.stream(one).average().orElseThrow()).isBetween(0.95, 1.02);
  }

  @Test
  void besideRealPicturesThatAreAllAlikeThereIsNoDiversity() {
    double[][] alike = new double[5][40];
    for (int i = 0; i < 5; i++) {
      for (int j = 0; j < 40; j++) {
        alike[i][j] = 0.3 * j + 1e-6 * ((i + j) % 3); // rounding of a network's float32
      }
    }
    GaussianStatistics reference = GaussianStatistics.of(FeatureTable.of(alike));
    assertThat(reference.isSpread()).isFalse();
    FeatureTable drawn = FrechetDistanceTest.normal(4, 40, 1);
    assertThat(Diversity.perPrompt(drawn, List.of("a", "a", "b", "b"), reference)).isEmpty();
    // The distance to one point is one all the same, though Σ is singular.
    assertThat(new FrechetDistance(reference).to(FeatureTable.of(alike)))
        .isCloseTo(0, within(1e-6));
    assertThat(new FrechetDistance(reference).to(drawn)).isGreaterThan(1000);
    alike[0][3] += 0.5;
    assertThat(GaussianStatistics.of(FeatureTable.of(alike)).isSpread()).isTrue();
  }

  @Test
  void colourStatisticsOfFlatAndStripedPictures() {
    try (Scope scope = Scope.open()) {
      // A flat orange, and black and white stripes.
      float[] pixels = new float[2 * 3 * 4];
      float[] orange = {0.9f, 0.6f, 0.0f};
      for (int c = 0; c < 3; c++) {
        for (int p = 0; p < 4; p++) {
          pixels[c * 4 + p] = orange[c];
          pixels[12 + c * 4 + p] = p % 2;
        }
      }
      List<ColourStatistics> s = ColourStatistics.of(Tensor.of(pixels, 2, 3, 2, 2));
      double variance = (0.4 * 0.4 + 0.1 * 0.1 + 0.5 * 0.5) / 3;
      assertThat(ColourStatistics.column(s, ColourStatistics::mean))
          .containsExactly(new double[] {0.5, 0.5}, within(1e-6));
      assertThat(ColourStatistics.column(s, ColourStatistics::variance))
          .containsExactly(new double[] {variance, 0.25}, within(1e-6));
      assertThat(ColourStatistics.column(s, ColourStatistics::saturation))
          .containsExactly(new double[] {0.9, 0}, within(1e-6));
      assertThat(ColourStatistics.column(s, ColourStatistics::colourCast))
          .containsExactly(new double[] {Math.sqrt(variance), 0}, within(1e-6));
    }
  }

  @Test
  void bootstrapOfAMeanAgreesWithTheNormalInterval() {
    double[] values = new double[400];
    Rng rng = Rng.of(11);
    for (int i = 0; i < values.length; i++) {
      values[i] = 3 + 2 * rng.normal();
    }
    double mean = Arrays.stream(values).average().orElseThrow();
    Interval interval = new Bootstrap(1, 2000).ofMean(values);
    // 1.96 · 2/√400 = 0.196
    assertThat(interval.low()).isEqualTo(mean - 0.196, within(0.03));
    assertThat(interval.high()).isEqualTo(mean + 0.196, within(0.03));
    assertThat(new Bootstrap(1, 2000).ofMean(values)).isEqualTo(interval);
    assertThat(new Bootstrap(2, 2000).ofMean(values)).isNotEqualTo(interval);
    assertThat(new Bootstrap(1, 50).ofMean(new double[] {4, 4, 4})).isEqualTo(new Interval(4, 4));

    // Of a few numbers of one sign, every resample has that sign.
    Interval few = new Statistic.Mean(new double[] {1, 2}).interval(new Bootstrap(1, 200));
    assertThat(few.low()).isEqualTo(1.5 - 12.7062 * 0.5, within(1e-3));
    assertThat(few.high()).isEqualTo(1.5 + 12.7062 * 0.5, within(1e-3));
    assertThat(new Statistic.Mean(new double[] {5}).interval(new Bootstrap(1, 200))).isNull();
    assertThatThrownBy(() -> new Bootstrap(3, 5)).isInstanceOf(EvaluationException.class);
  }

  @Test
  void vendiScoreCountsDifferentPictures() {
    // Two the same and one at a right angle: eigenvalues 2/3 and 1/3.
    FeatureTable embeddings = AXES.rows(0, 0, 1, 0, 1, 0);
    double[] vendi = Diversity.vendi(embeddings, List.of("a", "a", "a", "b", "b", "alone"));
    double entropy = -2 / 3.0 * Math.log(2 / 3.0) - 1 / 3.0 * Math.log(1 / 3.0);
    assertThat(vendi).containsExactly(new double[] {Math.exp(entropy), 2}, within(1e-9));
    assertThat(Diversity.vendi(AXES.rows(0, 0, 0), List.of("a", "a", "a")))
        .containsExactly(new double[] {1}, within(1e-6));
  }

  @Test
  void throughputIsTheMedianWithoutTheWarmUp() {
    // Clock readings in ms of (start, middle, end): one warm-up, then three repeats.
    ArrayDeque<Long> clock = new ArrayDeque<>();
    long now = 0;
    for (long[] run : new long[][] {{900, 900}, {40, 8}, {80, 4}, {60, 40}}) {
      clock.add(now);
      clock.add(now += run[0] * 1_000_000);
      clock.add(now += run[1] * 1_000_000);
    }
    Throughput t =
        Throughput.measure(() -> Tensor.zeros(4, 2), z -> z.add(1), 4, 1, 3, clock::remove);
    assertThat(t).isEqualTo(new Throughput(15, 2));
    assertThat(t.imagesPerSecond()).isEqualTo(1000 / 17.0, within(1e-9));
    assertThatThrownBy(() -> Throughput.measure(() -> Tensor.zeros(1), z -> z, 0, 1, 1))
        .isInstanceOf(EvaluationException.class);
  }
}
