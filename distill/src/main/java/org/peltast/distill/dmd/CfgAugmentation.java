package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.peltast.diffusion.Guidance;
import org.peltast.tensor.Tensor;

/**
 * CFG augmentation, the engine and the paper's spear: what guidance adds to the teacher's
 * prediction, {@code (α − 1)·(x₀(x_τ|c) − x₀(x_τ|∅))}, as a direction for the generator's images
 * (equations 6 and 8).
 *
 * @param guidance the teacher's α; with α = 1 the direction is 0 and costs one evaluation
 */
public record CfgAugmentation(Guidance guidance) implements Term {
  /** The name in recipes and logs. */
  public static final String NAME = "ca";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Place place() {
    return Place.ENGINE;
  }

  @Override
  public boolean isDirection() {
    return true;
  }

  @Override
  public Supplier<Contribution> ask(View view) {
    Renoising.Draw draw = view.at(place());
    PredictionRequest.Prediction conditional = view.teacher().ask(draw, view.caption());
    PredictionRequest.Prediction unconditional =
        guidance.isOn() ? view.teacher().ask(draw, view.empty().get()) : conditional;
    return () -> {
      Tensor c = conditional.clean();
      return new Contribution.Direction(guidance.surplus(c, unconditional.clean()));
    };
  }
}
