package org.peltast.distill.dmd;

import java.util.Locale;
import org.peltast.diffusion.TimeShift;
import org.peltast.distill.Batch;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * A re-noising schedule: from where τ is drawn for CFG augmentation (CA, the engine) and for
 * distribution matching (DM, the regulariser) when the generator's image is noised again and the
 * scores are asked (the paper's §4.3 and Table 1). τ is drawn uniformly in pre-shift time; the
 * paper's four schedules are four pairs of intervals.
 *
 * @param engine where τ_CA is drawn
 * @param regulariser where τ_DM is drawn
 * @param shared one τ and one ε for both
 * @param margin where {@link #MARGIN} is kept
 */
public record Renoising(Interval engine, Interval regulariser, boolean shared, Margin margin) {
  /**
   * An interval of pre-shift time, 0 = noise, 1 = clean.
   *
   * @param low its lower end, in [0, 1)
   * @param high its upper end, in (low, 1]
   * @param fromStep whether τ also stays above the generator's step time t: τ ∈ (t, 1]
   */
  public record Interval(double low, double high, boolean fromStep) {
    /** All of [0, 1]. */
    public static final Interval FULL = new Interval(0, 1, false);

    /** (t, 1]: cleaner than the generator's step. */
    public static final Interval FROM_STEP = new Interval(0, 1, true);

    /** Checks the ranges. */
    public Interval {
      if (!(low >= 0 && low < high && high <= 1)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "an interval of τ lies in [0, 1] and has its ends in order, got [%s, %s]",
                low,
                high));
      }
    }

    /** Between two times. */
    public static Interval of(double low, double high) {
      return new Interval(low, high, false);
    }
  }

  /** Which time it is that stays away from pure noise and from clean. */
  public enum Margin {
    /** τ as drawn: a shift of 6 then keeps networks from the cleanest tenth. */
    BEFORE_SHIFT,
    /** The networks' time, as in the Self-Forcing lineage; τ stays uniform in between. */
    AFTER_SHIFT
  }

  /** ① DMD's own: one draw over [0, 1] for both. */
  public static final Renoising COUPLED_SHARED = of(Interval.FULL, Interval.FULL, true);

  /** ② Draws of their own, both over [0, 1]. */
  public static final Renoising DECOUPLED_FULL = of(Interval.FULL, Interval.FULL, false);

  /** ③ Draws of their own, both over (t, 1]. */
  public static final Renoising DECOUPLED_CONSTRAINED =
      of(Interval.FROM_STEP, Interval.FROM_STEP, false);

  /** ④ The paper's: the engine looks forward, over (t, 1]; the regulariser watches [0, 1]. */
  public static final Renoising DECOUPLED_HYBRID = of(Interval.FROM_STEP, Interval.FULL, false);

  /** Times stay this far from pure noise and from clean, where scores say nothing. */
  public static final double MARGIN = 0.02;

  /** Checks that what is shared has one range. */
  public Renoising {
    if (shared && !engine.equals(regulariser)) {
      throw new IllegalArgumentException("a shared draw has one range for engine and regulariser");
    }
  }

  private static Renoising of(Interval engine, Interval regulariser, boolean shared) {
    return new Renoising(engine, regulariser, shared, Margin.AFTER_SHIFT);
  }

  /** The same schedule with its margin kept elsewhere. */
  public Renoising with(Margin other) {
    return new Renoising(engine, regulariser, shared, other);
  }

  /** The schedule of that name, as recipes write it: "decoupled-hybrid" and so on. */
  public static Renoising parse(String name) {
    return switch (name) {
      case "coupled-shared" -> COUPLED_SHARED;
      case "decoupled-full" -> DECOUPLED_FULL;
      case "decoupled-constrained" -> DECOUPLED_CONSTRAINED;
      case "decoupled-hybrid" -> DECOUPLED_HYBRID;
      default ->
          throw new IllegalArgumentException(
              "unknown re-noising schedule '"
                  + name
                  + "'; use coupled-shared, decoupled-full, decoupled-constrained or decoupled-hybrid");
    };
  }

  /** The name of one of the four, else the intervals. */
  @Override
  public String toString() {
    for (String name :
        new String[] {
          "coupled-shared", "decoupled-full", "decoupled-constrained", "decoupled-hybrid"
        }) {
      if (parse(name).with(margin).equals(this)) {
        return name;
      }
    }
    return "CA " + engine + ", DM " + regulariser + (shared ? ", shared" : "");
  }

  /**
   * Where a noised image stands.
   *
   * @param time [B] float32, post-shift, as networks take it
   * @param noise standard normal [B, C, H, W] float32
   */
  public record Draw(Tensor time, Tensor noise) {}

  /** The two draws of an update; the same object when shared. */
  public record Draws(Draw engine, Draw regulariser) {}

  /**
   * Draws for a batch.
   *
   * @param t the generator's step time, pre-shift under the given shift
   * @param shift the teacher's
   */
  public Draws draw(double t, Batch batch, TimeShift shift, Rng rng) {
    Draw first = draw(engine, t, batch, shift, rng.fork("engine"));
    return shared
        ? new Draws(first, first)
        : new Draws(first, draw(regulariser, t, batch, shift, rng.fork("regulariser")));
  }

  /** τ uniform over [0, 1] within the margins, as a fake model learns. */
  Draw full(Batch batch, TimeShift shift, Rng rng) {
    return draw(Interval.FULL, 0, batch, shift, rng);
  }

  private Draw draw(Interval interval, double t, Batch batch, TimeShift shift, Rng rng) {
    boolean before = margin == Margin.BEFORE_SHIFT;
    double lowest = before ? MARGIN : shift.invert(MARGIN);
    double highest = before ? 1 - MARGIN : shift.invert(1 - MARGIN);
    double from = interval.fromStep() ? Math.max(interval.low(), t) : interval.low();
    double low = Math.min(Math.max(from, lowest), highest);
    double high = Math.max(low, Math.min(interval.high(), highest));
    return new Draw(
        batch.numbers(rng.fork("time"), r -> shift.apply(r.uniform(low, high))),
        batch.noise(rng.fork("noise")));
  }
}
