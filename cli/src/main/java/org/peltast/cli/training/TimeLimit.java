package org.peltast.cli.training;

import java.time.Duration;
import java.util.List;
import org.peltast.distill.Figures;
import org.peltast.distill.Observer;

/**
 * Ends a run when its updates have taken so long, in this process and in those before it. It goes
 * by the logged seconds alone, so a run that was killed after its time was up does not take more.
 */
final class TimeLimit implements Observer {
  private final double limit; // seconds
  private double spent; // seconds

  TimeLimit(Duration limit) {
    this.limit = limit.toNanos() / 1e9;
  }

  @Override
  public Verdict begin(long done, List<Figures> past) {
    spent = 0;
    past.forEach(this::add);
    return verdict();
  }

  @Override
  public Verdict after(long done, long updates, Figures figures) {
    add(figures);
    return verdict();
  }

  private void add(Figures figures) {
    spent += figures.values().getOrDefault("seconds", 0.0);
  }

  private Verdict verdict() {
    return spent >= limit ? Verdict.STOP : Verdict.GO_ON;
  }
}
