package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

class FrechetDistanceTest {

  private static GaussianStatistics diagonal(double[] mean, double[] variances) {
    int d = mean.length;
    double[] covariance = new double[d * d];
    for (int i = 0; i < d; i++) {
      covariance[i * d + i] = variances[i];
    }
    return new GaussianStatistics(100, mean, covariance);
  }

  static FeatureTable normal(int n, int d, long seed) {
    double[] values = new double[n * d];
    Rng rng = Rng.of(seed);
    for (int i = 0; i < values.length; i++) {
      values[i] = rng.normal();
    }
    return new FeatureTable(values, n, d);
  }

  @Test
  void diagonalGaussiansHaveAClosedForm() {
    // ‖μ₁ − μ₂‖² + Σ (σ₁ − σ₂)²
    double distance =
        FrechetDistance.between(
            diagonal(new double[] {1, 2, 3}, new double[] {4, 9, 0}),
            diagonal(new double[] {0, 2, 5}, new double[] {1, 16, 25}));
    assertThat(distance).isEqualTo(1 + 4 + 1 + 1 + 25, within(1e-9));
  }

  @Test
  void commutingGaussiansHaveAClosedForm() {
    // One rotation, variances (9, 1) and (4, 16): (3 − 2)² + (1 − 4)².
    double c = Math.cos(0.7);
    double s = Math.sin(0.7);
    double distance =
        FrechetDistance.between(
            new GaussianStatistics(9, new double[2], rotated(9, 1, c, s)),
            new GaussianStatistics(9, new double[2], rotated(4, 16, c, s)));
    assertThat(distance).isEqualTo(10, within(1e-9));
  }

  private static double[] rotated(double a, double b, double c, double s) {
    double off = (a - b) * c * s;
    return new double[] {a * c * c + b * s * s, off, off, a * s * s + b * c * c};
  }

  @ParameterizedTest
  @ValueSource(strings = {"full", "one-singular", "both-singular"})
  void equalsTheGoldenValueOnSamplesWithFewerRowsThanColumnsToo(String name)
      throws URISyntaxException {
    Path file = Path.of(getClass().getResource("/golden/frechet-" + name + ".safetensors").toURI());
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> golden = TensorFiles.read(file);
      FeatureTable x = FeatureTable.of(golden.get("input.x"));
      FeatureTable y = FeatureTable.of(golden.get("input.y"));
      double expected = golden.get("output.distance").toDoubles()[0];
      assertThat(new FrechetDistance(GaussianStatistics.of(x)).to(y))
          .isEqualTo(expected, within(1e-6 * expected));
      assertThat(new FrechetDistance(GaussianStatistics.of(y)).to(x))
          .isEqualTo(expected, within(1e-6 * expected));
    }
  }

  @Test
  void sumsOfPartsGiveTheDistanceOfTheWhole() {
    for (int n : new int[] {5, 40}) { // fewer pictures than features, and more
      FeatureTable x = normal(n, 9, 7);
      FrechetDistance distance = new FrechetDistance(GaussianStatistics.of(normal(30, 9, 8)));
      FrechetDistance.Moments first = distance.moments(x, 0, 2);
      int[] rest = java.util.stream.IntStream.range(0, n).filter(i -> i != 0 && i != 2).toArray();
      FrechetDistance.Moments all = FrechetDistance.sum(distance.moments(x, rest), first);
      assertThat(distance.to(all)).isEqualTo(distance.to(x), within(1e-7));
      assertThat(distance.to(all.minus(first))).isEqualTo(distance.to(x.rows(rest)), within(1e-7));
    }
  }

  @Test
  void aSetIsAtDistanceZeroFromItself() {
    for (int n : new int[] {5, 12, 80}) {
      GaussianStatistics s = GaussianStatistics.of(normal(n, 12, 1));
      assertThat(FrechetDistance.between(s, s)).isBetween(0.0, 1e-5);
    }
  }

  @Test
  void smallSamplesAreFartherOffThanLargeOnes() {
    // Why only equal n may be compared.
    FrechetDistance truth = new FrechetDistance(diagonal(new double[16], ones(16)));
    assertThat(truth.to(normal(64, 16, 2))).isGreaterThan(2 * truth.to(normal(512, 16, 3)));
  }

  private static double[] ones(int n) {
    double[] ones = new double[n];
    java.util.Arrays.fill(ones, 1);
    return ones;
  }

  @Test
  void factorOfASingularCovarianceGivesItBack() {
    GaussianStatistics s = GaussianStatistics.of(normal(4, 7, 5));
    double[] l = FrechetDistance.semidefiniteCholesky(s.covariance(), 7);
    double[] expected = s.covariance();
    for (int i = 0; i < 7; i++) {
      for (int j = 0; j < 7; j++) {
        double sum = 0;
        for (int k = 0; k < 7; k++) {
          sum += l[i * 7 + k] * l[j * 7 + k];
        }
        assertThat(sum).isEqualTo(expected[i * 7 + j], within(1e-8));
      }
    }
  }

  @Test
  void mistakesAreNamed() {
    assertThatThrownBy(() -> GaussianStatistics.of(normal(1, 3, 1)))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("two pictures or more");
    assertThatThrownBy(
            () ->
                FrechetDistance.between(
                    GaussianStatistics.of(normal(5, 3, 1)), GaussianStatistics.of(normal(5, 4, 1))))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("one side has 3 and the other 4");
    assertThatThrownBy(() -> new FeatureTable(new double[] {1, Double.NaN}, 1, 2))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("not finite");
    assertThatThrownBy(() -> FeatureTable.of(new double[][] {{1}, {1, 2}}))
        .isInstanceOf(EvaluationException.class);
  }
}
