package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class ExplosionGuardTest {
  @TempDir Path place;

  private static void watch(LongToDoubleFunction loss, int updates) {
    ExplosionGuard guard = new ExplosionGuard(20, List.of("loss", "absent"));
    for (long u = 1; u <= updates; u++) {
      Observer.Verdict verdict =
          guard.after(u, updates, new Metrics().put("loss", loss.applyAsDouble(u)));
      assertThat(verdict).isEqualTo(Observer.Verdict.GO_ON);
    }
  }

  @Test
  void aLeapThatStaysIsAnExplosion() {
    assertThatThrownBy(() -> watch(u -> u <= 60 ? 2 : 50, 70))
        .isInstanceOf(DivergedException.class)
        .hasMessage(
            "the loss exploded: 50.00, more than 20.0 times the 2.000 of the 58 updates before")
        .extracting(e -> ((DivergedException) e).term())
        .isEqualTo("loss");
  }

  @Test
  void singleOutliersSlowGrowthAndBeginningsAreNone() {
    assertThatCode(() -> watch(u -> u % 7 == 0 ? 1e6 : 1, 300)).doesNotThrowAnyException();
    assertThatCode(() -> watch(u -> Math.pow(1.02, u), 600)).doesNotThrowAnyException();
    assertThatCode(() -> watch(u -> u < 10 ? 1 : 100, 24)).doesNotThrowAnyException();
  }

  /** A run that is resumed just before has what went before from the log. */
  @Test
  void whatWasLoggedBeforeCounts() {
    ExplosionGuard guard = ExplosionGuard.of(20);
    List<Metrics> past = new ArrayList<>();
    for (int u = 0; u < 200; u++) {
      past.add(new Metrics().put("loss", 2));
    }
    guard.begin(200, past);
    guard.after(201, 300, new Metrics().put("loss", 50));
    guard.after(202, 300, new Metrics().put("loss", 50));
    assertThatThrownBy(() -> guard.after(203, 300, new Metrics().put("loss", 50)))
        .isInstanceOf(DivergedException.class)
        .hasMessageContaining("of the 100 updates before");
  }

  @Test
  void longTailsAreOrdinary() {
    Rng rng = Rng.of(1);
    assertThatCode(() -> watch(u -> Math.exp(1.5 * rng.normal()), 2000)).doesNotThrowAnyException();
  }

  /** The run ends in one sentence, and the checkpoint is one of before. */
  @Test
  void aRunEndsWithItsLastGoodCheckpoint() {
    try (Scope scope = Scope.open();
        RunFolder folder = RunFolder.open(place.resolve("run"), notice -> {})) {
      ClosedForm network = new ClosedForm((x, t, captions) -> x);
      try (FlowMatching method =
          new FlowMatching(
              Toys.denoiser(network),
              Toys.gradientOf("teacher", network),
              FlowMatching.Settings.defaults())) {
        BatchSource data =
            BatchSource.of(
                4, u -> Toys.points(3, Tensor.ones(4, 2, 1, 1).mul(u < 30 ? 1 : 100), 0, 1, 2, 0));
        Trainer trainer =
            new Trainer(
                new Trainer.Settings(60, Duration.ZERO, 1, 1),
                method,
                data,
                folder,
                List.of(ExplosionGuard.standard()),
                () -> false);
        assertThatThrownBy(() -> trainer.run(0))
            .isInstanceOf(RunException.class)
            .hasMessageStartingWith("update 33 stopped because the loss exploded: ")
            .hasMessageContaining("the last good checkpoint is that of update 32");
      }
    }
  }

  @Test
  void aFactorThatGuardsNothingIsRefused() {
    assertThatThrownBy(() -> new ExplosionGuard(1, List.of("loss")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ExplosionGuard(Double.NaN, List.of("loss")))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
