package org.peltast.distill;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;

/**
 * Strengthens the shield while the images outgrow the teacher's: when, averaged over so many
 * updates, the variance or the saturation of the generator's images exceeds that of the teacher's
 * guided predictions by a factor, w_DM is raised by a tenth. It looks again when as many further
 * updates have shown what that did.
 */
public final class VarianceGuard implements Observer {
  private static final List<String> WATCHED = List.of("variance", "saturation");
  private static final String TEACHERS = "teacher.";
  private static final double RAISE = 1.1;

  private final double factor;
  private final int every;
  private final DecoupledDmd method;
  private final Deque<Figures> recent = new ArrayDeque<>();

  /**
   * Watches.
   *
   * @param factor above 1
   * @param every so many updates, at least 1
   * @param method whose weight is raised
   */
  public VarianceGuard(double factor, int every, DecoupledDmd method) {
    if (!(factor > 1) || every < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a guard's factor must be above 1 and its updates at least 1, got %s and %d",
              factor,
              every));
    }
    this.factor = factor;
    this.every = every;
    this.method = method;
  }

  @Override
  public Verdict begin(long done, List<Figures> past) {
    past.subList((int) Math.max(0, past.size() - done % every), past.size())
        .forEach(recent::addLast);
    return Verdict.GO_ON;
  }

  /** Notes the weight that the update was made with, then looks. */
  @Override
  public Verdict after(long done, long updates, Figures figures) {
    figures.put(DecoupledDmd.REGULARISER_WEIGHT, method.regulariserWeight());
    recent.addLast(figures);
    if (done % every == 0) {
      if (WATCHED.stream().anyMatch(name -> mean(name) > factor * mean(TEACHERS + name))) {
        method.scaleRegulariser(RAISE);
      }
      recent.clear();
    }
    return Verdict.GO_ON;
  }

  /** NaN, which is above nothing, if it was not noted. */
  private double mean(String name) {
    return recent.stream()
        .mapToDouble(figures -> figures.values().getOrDefault(name, Double.NaN))
        .average()
        .orElse(Double.NaN);
  }
}
