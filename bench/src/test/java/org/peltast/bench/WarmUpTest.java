package org.peltast.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Precision;

/** What goes before is not counted, and lasts as many updates and as long as it is to. */
class WarmUpTest {
  @Test
  void takesSoManyUpdates() {
    WarmUp.Watch watch = WarmUp.of(2).begin();
    assertThat(watch.isOver()).isFalse();
    watch.after(1);
    assertThat(watch.isOver()).isFalse();
    watch.after(2);
    assertThat(watch.isOver()).isTrue();
    assertThat(WarmUp.of(0).begin().isOver()).isTrue();
  }

  @Test
  void takesSoLong() {
    WarmUp.Watch watch = new WarmUp(1, Duration.ofHours(1)).begin();
    watch.after(1_000_000);
    assertThat(watch.isOver()).isFalse();
  }

  @Test
  void isNotCounted() {
    List<Long> shown = new ArrayList<>();
    List<Double> turns = new ArrayList<>();
    UpdateSummary summary =
        new StepBenchmark(Precision.FLOAT32, WarmUp.of(2), 3)
            .measure(
                new UpdateShape(2, 16, 1, 2, 4, 3, 1),
                (done, of, figures) -> shown.add(done),
                turns::add);
    assertThat(shown).containsExactly(0L, 0L, 1L, 2L, 3L);
    assertThat(turns).hasSize(3);
    assertThat(summary.updates()).isEqualTo(3);
  }
}
