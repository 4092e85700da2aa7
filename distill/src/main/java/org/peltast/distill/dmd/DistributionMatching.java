package org.peltast.distill.dmd;

import java.util.function.Supplier;
import org.peltast.diffusion.Denoiser;
import org.peltast.tensor.Autograd;

/**
 * Distribution matching, the regulariser and the paper's shield (equation 2): {@code x₀_real(x_τ|c)
 * − x₀_fake(x_τ|c)}, with a fake model that follows the generator ({@link FakeModel}). Both
 * predictions are conditional, without guidance.
 *
 * @param fake the fake model
 */
public record DistributionMatching(Denoiser fake) implements Term {
  /** The name in recipes and logs. */
  public static final String NAME = "dm";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public boolean isDirection() {
    return true;
  }

  @Override
  public Supplier<Contribution> ask(View view) {
    Renoising.Draw draw = view.at(place());
    PredictionRequest.Prediction real = view.teacher().ask(draw, view.caption());
    PredictionRequest own = new PredictionRequest(fake, view.detached());
    PredictionRequest.Prediction faked;
    try (Autograd off = Autograd.off()) {
      faked = own.ask(draw, fake.network().read(view.batch().condition()));
    }
    own.evaluate();
    return () -> new Contribution.Direction(real.clean().sub(faked.clean()));
  }
}
