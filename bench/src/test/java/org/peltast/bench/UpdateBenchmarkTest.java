package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.models.ItemCost;
import org.peltast.tensor.Precision;

/**
 * What is measured is the update that the study describes, and every part of it is accounted for.
 */
class UpdateBenchmarkTest {
  private static final UpdateShape TINY = new UpdateShape(2, 16, 1, 2, 4, 3, 2);

  @ParameterizedTest
  @CsvSource({"2, 7, 3", "1, 6, 2", "0, 3, 1"})
  void everyUpdateIsTheSameWork(int fakeUpdates, int evaluations, int learning) {
    List<UpdateMeasurement> all = new ArrayList<>();
    try (UpdateBenchmark benchmark =
        new UpdateBenchmark(TINY.with("fake", fakeUpdates), Precision.FLOAT32)) {
      benchmark.run(
          (measured, done) -> {
            all.add(measured);
            return done < 3;
          });
    }
    assertThat(all).hasSize(3);
    assertThat(all)
        .allSatisfy(
            m -> {
              assertThat(m.evaluations()).isEqualTo(evaluations);
              assertThat(m.learningEvaluations()).isEqualTo(learning);
              // The first also reads the empty caption, once for all.
              assertThat(m.gflop()).isPositive().isLessThanOrEqualTo(all.get(0).gflop());
              assertThat(m == all.get(0) || m.gflop() == all.get(1).gflop()).isTrue();
              double accounted = m.parts().values().stream().mapToDouble(s -> s).sum();
              assertThat(accounted).isPositive().isLessThanOrEqualTo(m.seconds());
              assertThat(m.parts().get(UpdatePart.FAKE) > 0).isEqualTo(fakeUpdates > 0);
            });
  }

  /** Sixteen forwards of the study's shape are 975 GFLOP, less the last layer's caption rows. */
  @Test
  void countsTheStudysWork() {
    UpdateShape shape = UpdateShape.standard();
    try (UpdateBenchmark benchmark = new UpdateBenchmark(shape, Precision.FLOAT32)) {
      ItemCost cost = benchmark.cost();
      double forward = 48 * (cost.readOperations() + cost.forwardOperations());
      assertThat(16 * forward / 1e9).isCloseTo(955, within(1.0));
      assertThat(benchmark.parameters() / 1e6).isCloseTo(10.7, within(0.05));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "batch, 0, --batch must be from 1 to 4096",
    "tokens, 63, must be a square number",
    "dim, 30, --dim must be an even multiple of --heads",
    "fake, -1, --fake must be from 0",
    "width, 3, not 'width'"
  })
  void aShapeThatCannotBeIsOneSentence(String axis, int value, String sentence) {
    assertThatThrownBy(() -> UpdateShape.standard().with(axis, value))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining(sentence);
  }

  @ParameterizedTest
  @CsvSource({"6, 1", "12, 2", "64, 4", "192, 4", "256, 4", "48, 8"})
  void everyWidthHasANetwork(int dim, int heads) {
    UpdateShape shape = new UpdateShape(1, dim, 1, heads, 4, 1, 0);
    shape.network().check();
    try (UpdateBenchmark benchmark = new UpdateBenchmark(shape, Precision.FLOAT32)) {
      assertThat(benchmark.cost().forwardOperations()).isPositive();
    }
  }
}
