package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class KeepBestTest {
  private final List<Long> kept = new ArrayList<>();
  private long now;

  private KeepBest watch(boolean lower, int patience) {
    return new KeepBest("drift", lower, patience, () -> kept.add(now));
  }

  private void see(KeepBest watch, long update, double value) {
    now = update;
    watch.after(update, 100, new Metrics().put("drift", value));
  }

  @Test
  void eachNewBestIsKeptAndNoted() {
    KeepBest watch = watch(true, 0);
    double[] values = {3, 2, 2, 5, 1, Double.NaN};
    for (int i = 0; i < values.length; i++) {
      see(watch, i + 1, values[i]);
    }
    assertThat(kept).containsExactly(1L, 2L, 5L);
    assertThat(watch.best()).isEqualTo(1);
    Metrics metrics = new Metrics().put("drift", 0.5);
    watch.after(7, 100, metrics);
    assertThat(metrics.get("best.drift")).isEqualTo(0.5);
  }

  @Test
  void highIsBestWhereHighIsGood() {
    KeepBest watch = watch(false, 0);
    see(watch, 1, 1);
    see(watch, 2, 3);
    see(watch, 3, 2);
    assertThat(kept).containsExactly(1L, 2L);
  }

  @Test
  void updatesThatNoteNothingArePassedOver() {
    KeepBest watch = watch(true, 1);
    see(watch, 1, 1);
    watch.after(2, 100, new Metrics().put("loss", 1));
    assertThat(watch.updates(2, 100)).isEqualTo(100);
    assertThat(kept).containsExactly(1L);
  }

  @Test
  void theRunEndsWhenPatienceIsAtAnEnd() {
    KeepBest watch = watch(true, 2);
    see(watch, 10, 1);
    see(watch, 20, 2);
    assertThat(watch.updates(20, 100)).isEqualTo(100);
    see(watch, 30, 3);
    assertThat(watch.updates(30, 100)).isEqualTo(30);
  }

  @Test
  void aResumedRunJudgesLikeAnUninterruptedOne() {
    KeepBest watch = watch(true, 2);
    watch.begin(
        20, List.of(new Metrics().put("drift", 1), new Metrics(), new Metrics().put("drift", 2)));
    assertThat(kept).isEmpty();
    see(watch, 30, 1.5);
    assertThat(kept).isEmpty();
    assertThat(watch.updates(30, 100)).isEqualTo(30);
  }

  @Test
  void negativePatienceIsRefused() {
    assertThatThrownBy(() -> watch(true, -1)).hasMessageContaining("patience");
  }
}
