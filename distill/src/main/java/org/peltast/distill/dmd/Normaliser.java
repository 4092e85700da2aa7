package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Guidance;
import org.peltast.tensor.Tensor;

/**
 * What a term's direction is divided by, for each image: {@code max(floor, mean_CHW |x̂ − p|)} with
 * a prediction p of the teacher, a residual that is large where the prediction is uncertain.
 *
 * @param residual which prediction p is; null divides by nothing
 * @param at the draw at which p is made; null for each term's own
 * @param floor the smallest divisor, ≥ 0; where the residual itself is 0 and the floor too, the
 *     direction counts as 0, as DMD2 has it
 */
public record Normaliser(@Nullable Residual residual, Term.@Nullable Place at, double floor) {
  /** A prediction of the teacher. */
  public enum Residual {
    /** With guidance: {@code u + α(c − u)}. It grows with α, so CFG augmentation saturates. */
    GUIDED,
    /** Without guidance: {@code x₀(x_τ|c)}. */
    CONDITIONAL
  }

  /** Nothing is divided. */
  public static final Normaliser NONE = new Normaliser(null, null, 0);

  /**
   * DMD2's: the guided residual at the engine's draw, for all terms alike. With {@link
   * Renoising#COUPLED_SHARED} and unit weights, CA + DM is then DMD2's gradient.
   */
  public static final Normaliser SHARED = new Normaliser(Residual.GUIDED, Term.Place.ENGINE, 0);

  /** Each term by the conditional residual at its own draw, + 1e-8 at the least. */
  public static final Normaliser CONDITIONAL = new Normaliser(Residual.CONDITIONAL, null, 1e-8);

  /** Checks the range. */
  public Normaliser {
    if (!(floor >= 0 && floor <= 1e6)) {
      throw new IllegalArgumentException(
          "the normaliser's floor must be from 0 to 1000000, got " + floor);
    }
  }

  /** Each term by the residual at its own draw. */
  public static Normaliser own(Residual residual, double floor) {
    return new Normaliser(residual, null, floor);
  }

  /** Whether anything is divided. */
  public boolean isOn() {
    return residual != null;
  }

  /**
   * Asks for the prediction.
   *
   * @param own the term's own draw
   * @param guidance of the update's CFG augmentation; null where there is none: then no draw of the
   *     engine is looked at, and the residual is the conditional one at the term's own
   * @return the divisor [B, 1, 1, 1], once the view's requests have been evaluated
   */
  Supplier<Tensor> ask(View view, Term.Place own, @Nullable Guidance guidance) {
    Renoising.Draw draw = view.at(at == null || guidance == null ? own : at);
    PredictionRequest.Prediction c = view.teacher().ask(draw, view.caption());
    if (residual == Residual.CONDITIONAL || guidance == null || !guidance.isOn()) {
      return () -> divisor(view.detached(), c.clean());
    }
    PredictionRequest.Prediction u = view.teacher().ask(draw, view.empty().get());
    return () -> divisor(view.detached(), guidance.apply(c.clean(), u.clean()));
  }

  private Tensor divisor(Tensor images, Tensor prediction) {
    Tensor residuals = images.sub(prediction).abs().mean(true, 1, 2, 3);
    return floor > 0 ? residuals.clamp(floor, Float.MAX_VALUE) : residuals;
  }

  /** The direction over the divisor, where that is 0 nothing (as DMD2: NaN counts as 0). */
  static Tensor divide(Tensor direction, Tensor divisor) {
    return direction.div(divisor).finiteOr(0);
  }
}
