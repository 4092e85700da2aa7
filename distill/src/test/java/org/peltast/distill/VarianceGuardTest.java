package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Renoising;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.nn.AdamW;

class VarianceGuardTest {
  @TempDir Path place;

  private static Role role(String name, Mlp network) {
    return new Role(
        name,
        network,
        new Role.Settings(new LearningRate(1e-2, 0, 0), AdamW.Settings.defaults(), 1, 0.9));
  }

  private static DecoupledDmd distillation() {
    Mlp student = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    Mlp fake = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    return ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 0.5)
        .steps(1)
        .alpha(2)
        .learningFrom(FakeModel.Images.FRESH)
        .method(Mixture.teacher(), student, role("student", student), fake, role("fake", fake), 1);
  }

  private static TermWeights weights() {
    return new TermWeights(Map.of("dm", 0.5));
  }

  private static Metrics metrics(double variance) {
    return new Metrics().put("variance", variance);
  }

  private static VarianceGuard guard(double factor, int every, TermWeights weights) {
    return new VarianceGuard(
        VarianceGuard.Settings.of(factor, every), Map.of("variance", 1.0), weights, "dm");
  }

  @Test
  void theWeightRisesByATenthWhereTheMeanIsAboveTheReference() {
    TermWeights weights = weights();
    VarianceGuard guard = guard(1.5, 3, weights);
    guard.after(1, 9, metrics(9));
    guard.after(2, 9, metrics(0));
    assertThat(weights.get("dm")).isEqualTo(0.5);
    Metrics third = metrics(0);
    guard.after(3, 9, third); // a mean of 3
    assertThat(weights.get("dm")).isEqualTo(0.5 * 1.1);
    assertThat(third.get("weight.dm")).as("of the update itself").isEqualTo(0.5);
    for (int u = 4; u <= 9; u++) {
      guard.after(u, 9, metrics(1.4)); // below the factor, above the release
    }
    assertThat(weights.get("dm")).isEqualTo(0.5 * 1.1);
    assertThat(weights.adjusted()).containsExactly(Map.entry("dm", 0.5 * 1.1));
  }

  @Test
  void theWeightStopsAtTheCapAndComesBackToWhatWasSet() {
    TermWeights weights = weights();
    VarianceGuard guard =
        new VarianceGuard(
            new VarianceGuard.Settings(1.5, 1.2, 1, 1.3), Map.of("variance", 1.0), weights, "dm");
    for (int u = 1; u <= 6; u++) {
      guard.after(u, 20, metrics(9));
    }
    assertThat(weights.get("dm")).isCloseTo(0.5 * 1.3, within(1e-12));
    guard.after(7, 20, metrics(1.1));
    assertThat(weights.get("dm")).isCloseTo(0.5 * 1.3 / 1.1, within(1e-12));
    for (int u = 8; u <= 20; u++) {
      guard.after(u, 20, metrics(1.1));
    }
    assertThat(weights.get("dm")).isCloseTo(0.5, within(1e-12));
  }

  @Test
  void metricsThatAreNotNotedRaiseNothing() {
    TermWeights weights = weights();
    guard(1.5, 1, weights).after(1, 1, new Metrics().put("saturation", 1e9));
    assertThat(weights.adjusted()).isEmpty();
  }

  /** Cut within a stretch of looking, after a raise: weight, stretch and bits go on. */
  @Test
  void aResumedRunIsRaisedLikeAnUninterruptedOne() {
    Path straight = place.resolve("straight");
    Path broken = place.resolve("broken");
    Map<String, float[]> whole = run(straight, () -> false);
    int[] asked = {0};
    run(broken, () -> ++asked[0] == 5);
    Map<String, float[]> rest = run(broken, () -> false);
    assertThat(rest.keySet()).isEqualTo(whole.keySet());
    whole.forEach((name, values) -> assertThat(rest.get(name)).as(name).isEqualTo(values));
    assertThat(weights(broken)).isEqualTo(weights(straight));
    assertThat(weights(straight)).startsWith(0.5, 0.5, 0.5 * 1.1, 0.5 * 1.1).hasSize(8);
  }

  /** A reference of nearly nothing makes every stretch a raise. */
  private static Map<String, float[]> run(Path path, BooleanSupplier interrupted) {
    try (RunFolder folder = RunFolder.open(path, notice -> {});
        DecoupledDmd method = distillation()) {
      Trainer trainer =
          new Trainer(
              new Trainer.Settings(8, Duration.ofHours(1), 1, 3),
              method,
              BatchSource.of(3, u -> Toys.points(Mixture.CLASSES, null, 0, 1, 2)),
              folder,
              List.of(
                  new VarianceGuard(
                      VarianceGuard.Settings.of(1.2, 2),
                      Map.of("variance", 1e-9),
                      method.weights(),
                      "dm")),
              interrupted);
      trainer.run(trainer.resume());
      Map<String, float[]> state = new LinkedHashMap<>();
      for (Role role : new UpdateExecutor(method, 1).roles()) {
        role.state().forEach((n, t) -> state.put(role.name() + "." + n, t.toFloats()));
      }
      return state;
    }
  }

  private static List<Object> weights(Path path) {
    List<Object> all = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(path.resolve("metrics.jsonl"))) {
      all.add(line.metrics().get("weight.dm"));
    }
    return all;
  }

  @Test
  void aGuardThatGuardsNothingIsRefused() {
    assertThatThrownBy(() -> guard(1, 5, weights())).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> guard(2, 0, weights())).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> guard(2, 1, new TermWeights(Map.of("dm", 0.0))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("dm, which is 0");
    assertThatThrownBy(() -> guard(2, 1, new TermWeights(Map.of("gan", 1.0))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no term is called dm; there are [gan]");
  }
}
