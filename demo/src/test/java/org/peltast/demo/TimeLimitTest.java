package org.peltast.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.distill.Metrics;

class TimeLimitTest {
  private static final long MOST = 1000;

  private static Metrics took(double seconds) {
    return new Metrics().put("loss", 7).put("seconds", seconds);
  }

  /** How many updates a run has that is killed after some, with what each would take. */
  private static int run(TimeLimit limit, List<Metrics> would, int killedAfter) {
    List<Metrics> done = new ArrayList<>(would.subList(0, killedAfter));
    limit.begin(done.size(), done);
    while (done.size() < limit.updates(done.size(), MOST)) {
      Metrics next = would.get(done.size());
      done.add(next);
      limit.after(done.size(), MOST, next);
    }
    return done.size();
  }

  private static TimeLimit fiveMinutes() {
    return new TimeLimit(Duration.ofMinutes(5), 0.4);
  }

  @Test
  void whatFitsIsDecidedByTheLatestPace() {
    // 60 updates take 120 s, where it decides: the last 20 of them 1 s each, the others 2.5.
    List<Metrics> would = new ArrayList<>(Collections.nCopies(40, took(2.5)));
    would.addAll(Collections.nCopies(500, took(1)));
    assertThat(run(fiveMinutes(), would, 0)).isEqualTo(60 + (int) (180 * 0.95));
  }

  @Test
  void aRunThatFitsKeepsItsLength() {
    assertThat(run(fiveMinutes(), Collections.nCopies(2000, took(0.2)), 0)).isEqualTo((int) MOST);
  }

  @Test
  void beforeTheDecisionARunIsAsLongAsItWasAskedToBe() {
    TimeLimit limit = fiveMinutes();
    limit.begin(0, List.of());
    assertThat(limit.updates(0, MOST)).isEqualTo(MOST);
    limit.after(1, MOST, took(119));
    assertThat(limit.updates(1, MOST)).isEqualTo(MOST);
    limit.after(2, MOST, took(1));
    assertThat(limit.updates(2, MOST)).isEqualTo(2 + 171);
  }

  /**
   * Killed and taken up after any update, it has as many; and none that the time has no room for.
   */
  @Test
  void timeIsCountedOverAllProcesses() {
    List<Metrics> would = new ArrayList<>(Collections.nCopies(70, took(2)));
    would.addAll(Collections.nCopies(500, took(3))); // a slower machine than it seemed
    int updates = run(fiveMinutes(), would, 0);
    assertThat(updates).isEqualTo(70 + 54); // the first after which five minutes are over
    for (int killedAfter = 1; killedAfter <= updates; killedAfter++) {
      assertThat(run(fiveMinutes(), would, killedAfter)).isEqualTo(updates);
    }
  }
}
