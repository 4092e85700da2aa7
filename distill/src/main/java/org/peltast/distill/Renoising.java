package org.peltast.distill;

import org.peltast.diffusion.TimeShift;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * How the generator's image is noised again before the scores are asked: the four schedules of the
 * paper's §4.3 and Table 1. A generator at step time t draws τ for the engine (CA) and for the
 * distribution matching (DM), uniformly; τ and its bound t live in pre-shift time.
 *
 * @param constrainedEngine τ_CA ∈ (t, 1] instead of [0, 1]
 * @param constrainedRegulariser τ_DM ∈ (t, 1] instead of [0, 1]
 * @param shared one τ and one ε for both
 */
public record Renoising(boolean constrainedEngine, boolean constrainedRegulariser, boolean shared) {
  /** ① DMD's own: one draw over [0, 1] for both. */
  public static final Renoising COUPLED_SHARED = new Renoising(false, false, true);

  /** ② Draws of their own, both over [0, 1]. */
  public static final Renoising DECOUPLED_FULL = new Renoising(false, false, false);

  /** ③ Draws of their own, both over (t, 1]. */
  public static final Renoising DECOUPLED_CONSTRAINED = new Renoising(true, true, false);

  /** ④ The paper's: the engine looks forward, over (t, 1]; the regulariser watches [0, 1]. */
  public static final Renoising DECOUPLED_HYBRID = new Renoising(true, false, false);

  /** τ stays this far from pure noise and from clean, where scores say nothing. */
  public static final double MARGIN = 0.02;

  /** Checks that what is shared has one range. */
  public Renoising {
    if (shared && constrainedEngine != constrainedRegulariser) {
      throw new IllegalArgumentException("a shared draw has one range for engine and regulariser");
    }
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

  @Override
  public String toString() {
    if (shared) {
      return "coupled-shared";
    }
    return constrainedRegulariser
        ? "decoupled-constrained"
        : constrainedEngine ? "decoupled-hybrid" : "decoupled-full";
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
   * @param t the generator's pre-shift step time
   */
  public Draws draw(double t, Batch batch, TimeShift shift, Rng rng) {
    Draw engine = uniform(constrainedEngine ? t : 0, batch, shift, rng.fork("engine"));
    return shared
        ? new Draws(engine, engine)
        : new Draws(
            engine, uniform(constrainedRegulariser ? t : 0, batch, shift, rng.fork("regulariser")));
  }

  /** τ uniform in [from, 1] within the margins. */
  static Draw uniform(double from, Batch batch, TimeShift shift, Rng rng) {
    double low = Math.min(Math.max(from, MARGIN), 1 - MARGIN);
    return new Draw(
        batch.numbers(rng.fork("time"), r -> shift.apply(r.uniform(low, 1 - MARGIN))),
        batch.noise(rng.fork("noise")));
  }
}
