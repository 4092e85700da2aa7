package org.peltast.runs;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final List<String> lines = new ArrayList<>();
  private long nanos;

  private PlainProgress progress() {
    return new PlainProgress("distil", Duration.ofSeconds(10), lines::add, () -> nanos);
  }

  private void at(PlainProgress progress, double seconds, long done, long total) {
    nanos = (long) (seconds * 1e9);
    Map<String, Double> figures = new LinkedHashMap<>();
    figures.put("loss", 0.12345);
    figures.put("variance", 123.456);
    progress.step(done, total, figures);
  }

  @Test
  void linesComeAtTheIntervalAndAtTheEnd() {
    PlainProgress progress = progress();
    at(progress, 0, 0, 400);
    at(progress, 5, 10, 400);
    at(progress, 60, 120, 400);
    at(progress, 61, 122, 400);
    at(progress, 65, 400, 400);
    at(progress, 99, 400, 400);
    assertThat(lines)
        .containsExactly(
            "distil 0/400 (0 %), loss 0.1235, variance 123.5",
            "distil 120/400 (30 %), 0.5000 s each, 2m20s left, loss 0.1235, variance 123.5",
            "distil 400/400 (100 %), 0.1625 s each, loss 0.1235, variance 123.5");
  }

  @Test
  void aResumedRunCountsItsOwnSteps() {
    PlainProgress progress = progress();
    at(progress, 1000, 300, 400);
    at(progress, 1020, 310, 400);
    assertThat(lines.get(1)).startsWith("distil 310/400 (77 %), 2.000 s each, 3m00s left");
  }

  @Test
  void anUnknownTotalHasNoShare() {
    PlainProgress progress = progress();
    at(progress, 0, 0, 0);
    at(progress, 20, 4, 0);
    assertThat(lines.get(1)).startsWith("distil 4, 5.000 s each, loss");
  }

  @Test
  void timesAndFiguresAreShort() {
    assertThat(PlainProgress.left(0.4)).isEqualTo("0s");
    assertThat(PlainProgress.left(59.6)).isEqualTo("1m00s");
    assertThat(PlainProgress.left(7260)).isEqualTo("2h01m");
    assertThat(PlainProgress.figure(0)).isEqualTo("0");
    assertThat(PlainProgress.figure(1.5e-7)).isEqualTo("1.500e-07");
    assertThat(PlainProgress.figure(-2.5)).isEqualTo("-2.500");
    assertThat(PlainProgress.figure(Double.NaN)).isEqualTo("NaN");
    Progress.NONE.step(1, 2, Map.of());
    Progress.NONE.close();
  }
}
