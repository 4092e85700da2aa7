package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.AdamW;
import org.peltast.tensor.Rng;

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
    return new DecoupledDmd(
        new DecoupledDmd.Settings(
            StepGrid.uniform(1),
            new Guidance(2),
            Renoising.DECOUPLED_HYBRID,
            Normaliser.SHARED,
            1,
            0.5,
            true,
            1),
        Toys.denoiser(Mixture.teacher()),
        Toys.denoiser(student),
        role("student", student),
        new DistributionMatching(Toys.denoiser(fake), role("fake", fake), 1),
        Appearance.NONE);
  }

  private static Figures figures(double variance, double teachers) {
    return new Figures().put("variance", variance).put("teacher.variance", teachers);
  }

  @Test
  void theWeightRisesByATenthWhereTheMeanIsAboveTheTeachers() {
    try (DecoupledDmd method = distillation()) {
      VarianceGuard guard = new VarianceGuard(1.5, 3, method);
      guard.after(1, 9, figures(9, 1));
      guard.after(2, 9, figures(0, 1));
      assertThat(method.regulariserWeight()).isEqualTo(0.5);
      Figures third = figures(0, 3);
      guard.after(3, 9, third); // means 3 and 5/3
      assertThat(method.regulariserWeight()).isEqualTo(0.5 * 1.1);
      assertThat(third.get("regulariserWeight")).as("of the update itself").isEqualTo(0.5);
      for (int u = 4; u <= 9; u++) {
        guard.after(u, 9, figures(1.4, 1));
      }
      assertThat(method.regulariserWeight()).isEqualTo(0.5 * 1.1);
      assertThat(method.adjusted()).containsExactly(Map.entry("regulariserWeight", 0.5 * 1.1));
    }
  }

  @Test
  void figuresThatAreNotNotedRaiseNothing() {
    try (DecoupledDmd method = distillation()) {
      new VarianceGuard(1.5, 1, method).after(1, 1, new Figures().put("variance", 1e9));
      assertThat(method.adjusted()).isEmpty();
    }
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

  /** A teacher's variance of nothing makes every stretch a raise. */
  private static Map<String, float[]> run(Path path, BooleanSupplier interrupted) {
    try (RunFolder folder = RunFolder.open(path, notice -> {});
        DecoupledDmd method = distillation()) {
      Observer small =
          (done, updates, figures) -> {
            figures.put("teacher.variance", 0);
            return Observer.Verdict.GO_ON;
          };
      Trainer trainer =
          new Trainer(
              new Trainer.Settings(8, Duration.ofHours(1), 1, 3),
              method,
              u -> Toys.points(Mixture.CLASSES, null, 0, 1, 2),
              folder,
              List.of(small, new VarianceGuard(1.2, 2, method)),
              interrupted);
      trainer.run(trainer.resume());
      Map<String, float[]> state = new LinkedHashMap<>();
      for (Role role : method.roles()) {
        role.state().forEach((n, t) -> state.put(role.name() + "." + n, t.toFloats()));
      }
      return state;
    }
  }

  private static List<Object> weights(Path path) {
    List<Object> all = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(path.resolve("metrics.jsonl"))) {
      all.add(line.figures().get("regulariserWeight"));
    }
    return all;
  }

  @Test
  void aGuardThatGuardsNothingIsRefused() {
    try (DecoupledDmd method = distillation()) {
      assertThatThrownBy(() -> new VarianceGuard(1, 5, method))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> new VarianceGuard(2, 0, method))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
