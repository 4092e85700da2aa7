package org.peltast.cli.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.distill.Figures;
import org.peltast.distill.Observer.Verdict;

class TimeLimitTest {
  private static Figures took(double seconds) {
    return new Figures().put("loss", 7).put("seconds", seconds);
  }

  /** Killed and taken up after any update, it ends after the same one, and never has one more. */
  @Test
  void timeIsCountedOverAllProcesses() {
    List<Figures> all = List.of(took(2), took(0.5), took(1), took(3), took(1));
    for (int done = 0; done <= 4; done++) {
      TimeLimit limit = new TimeLimit(Duration.ofSeconds(5));
      Verdict verdict = limit.begin(done, all.subList(0, done));
      List<Figures> run = new ArrayList<>(all.subList(0, done));
      while (verdict == Verdict.GO_ON) {
        Figures next = all.get(run.size());
        run.add(next);
        verdict = limit.after(run.size(), 100, next);
      }
      assertThat(run).hasSize(4);
    }
  }
}
