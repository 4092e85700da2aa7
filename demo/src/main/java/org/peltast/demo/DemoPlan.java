package org.peltast.demo;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How a demonstration's time is dealt out: decided once, before it begins, from paces that were
 * measured on this machine, and kept in the run folder, so that a resumed run keeps to it.
 *
 * @param paces what was measured
 * @param prompts held-out prompts to measure on
 * @param spear updates of the run without a shield
 * @param updates of the distillation that are expected
 * @param distil seconds for them; 0 for as long as they take
 * @param before seconds that had gone by when this was decided
 * @param alone seconds for the run without a shield
 * @param measure seconds for drawing and measuring
 */
record DemoPlan(
    Paces paces,
    int prompts,
    long spear,
    long updates,
    double distil,
    double before,
    double alone,
    double measure) {
  /** Fewer minutes of distilling show little: other parts give way first. */
  static final double LEAST_DISTILLING = 180;

  /** A measurement on fewer prompts says little. */
  static final int FEW_PROMPTS = 256;

  /** Writing pictures and the page. */
  private static final double REPORT = 10;

  /** A pace changes by so much, and a neighbour may come. */
  private static final double MARGIN = 1.1;

  /**
   * Seconds on this machine.
   *
   * @param evaluation of the network for one picture
   * @param picture of decoding and judging one picture
   * @param update of the distillation
   */
  record Paces(double evaluation, double picture, double update) {}

  /**
   * What is to be done.
   *
   * @param total seconds for everything, infinite for as long as it takes
   * @param distil seconds of distilling at most, infinite likewise
   * @param updates of the distillation at most
   * @param prompts held-out prompts that there are, and would be measured on
   * @param fewer whether fewer prompts may be measured on
   * @param spear updates of the run without a shield
   * @param optional whether these may be left out
   * @param evaluations of the network for a prompt, over all that is drawn
   * @param pictures drawn for a prompt
   * @param again evaluations of the network besides, for several pictures of some prompts
   */
  record Wish(
      double total,
      double distil,
      long updates,
      int prompts,
      boolean fewer,
      long spear,
      boolean optional,
      int evaluations,
      int pictures,
      int again) {}

  /**
   * Deals the time out. What does not fit gives way in this order: prompts beyond {@link
   * #FEW_PROMPTS}, the run without a shield, updates of the distillation.
   *
   * @param before seconds that have gone by
   */
  static DemoPlan of(Wish wish, Paces paces, double before) {
    int prompts = wish.prompts();
    long spear = wish.spear();
    double needed = Math.min(LEAST_DISTILLING, distilling(wish, paces));
    if (left(wish, paces, before, prompts, spear) < needed && wish.fewer()) {
      prompts = Math.min(prompts, FEW_PROMPTS);
    }
    if (left(wish, paces, before, prompts, spear) < needed && wish.optional()) {
      spear = 0;
    }
    double time = Math.min(wish.distil(), Math.max(0, left(wish, paces, before, prompts, spear)));
    long updates =
        Math.max(1, Math.min(wish.updates(), (long) Math.min(time / paces.update(), 1e15)));
    return new DemoPlan(
        paces,
        prompts,
        spear,
        updates,
        Double.isInfinite(time) ? 0 : Math.max(1, time),
        before,
        spear * paces.update(),
        measuring(wish, paces, prompts));
  }

  private static double distilling(Wish wish, Paces paces) {
    return Math.min(wish.distil(), wish.updates() * paces.update());
  }

  private static double left(Wish wish, Paces paces, double before, int prompts, long spear) {
    return wish.total()
        - before
        - MARGIN * (spear * paces.update() + measuring(wish, paces, prompts))
        - REPORT;
  }

  private static double measuring(Wish wish, Paces paces, int prompts) {
    return prompts * (wish.evaluations() * paces.evaluation() + wish.pictures() * paces.picture())
        + wish.again() * paces.evaluation();
  }

  /** What will be done, in sentences; first what does not fit. */
  List<String> told(Wish wish) {
    List<String> told = new ArrayList<>();
    if (prompts < wish.prompts()) {
      told.add(
          String.format(
              Locale.ROOT,
              "Measuring on all %d held-out prompts does not fit the time here: %d are measured on; --prompts %1$d takes all.",
              wish.prompts(),
              prompts));
    }
    if (spear < wish.spear()) {
      told.add(
          String.format(
              Locale.ROOT,
              "The run without the shield does not fit the time here and is left out; --spear %d takes it in.",
              wish.spear()));
    }
    if (updates < wish.updates()) {
      told.add(
          String.format(
              Locale.ROOT,
              "About %d of %d updates fit the time here; --updates %2$d takes the time for all of them.",
              updates,
              wish.updates()));
    }
    told.add(
        String.format(
            Locale.ROOT,
            "Planned: %s distilling (about %d updates), %s without the shield, %s measuring on %d prompts; about %s in all.",
            seconds(expected()),
            updates,
            seconds(alone),
            seconds(measure),
            prompts,
            seconds(before + expected() + alone + measure + REPORT)));
    return told;
  }

  /**
   * The same where a run is gone on with and more is asked for than was planned.
   *
   * @param otherPrompts to measure on; null as planned
   * @param otherSpear updates of the run without a shield; null as planned
   * @param limited false if distilling may now take as long as it does
   */
  DemoPlan insisting(@Nullable Integer otherPrompts, @Nullable Long otherSpear, boolean limited) {
    return new DemoPlan(
        paces,
        otherPrompts == null ? prompts : otherPrompts,
        otherSpear == null ? spear : otherSpear,
        updates,
        limited ? distil : 0,
        before,
        alone,
        measure);
  }

  private double expected() {
    double all = updates * paces.update();
    return distil == 0 ? all : Math.min(distil, all);
  }

  private static String seconds(double seconds) {
    return seconds < 100
        ? String.format(Locale.ROOT, "%.0f s", seconds)
        : String.format(Locale.ROOT, "%.1f min", seconds / 60);
  }

  /** The limit of {@link TimeLimit}, or null for none. */
  @Nullable Duration limit() {
    return distil == 0 ? null : Duration.ofMillis(Math.round(distil * 1000));
  }
}
