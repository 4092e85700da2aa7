package org.peltast.distill;

import java.util.function.Supplier;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Tensor;

/**
 * The engine, the paper's spear: what guidance adds to the teacher's prediction, {@code (α −
 * 1)·(x₀(x_τ|c) − x₀(x_τ|∅))}, applied to the generator's image (equations 6 and 8).
 */
final class CfgAugmentation {
  private final Guidance guidance;
  private final Questions.Answer conditional;
  private final Questions.Answer unconditional;

  /**
   * Asks the teacher for both predictions at the engine's own draw; with α = 1, where both weigh
   * nothing against each other, for the conditional one alone.
   *
   * @param empty reads the empty captions when they are needed
   */
  CfgAugmentation(
      Guidance guidance,
      Questions teacher,
      Renoising.Draw draw,
      Network.Text text,
      Supplier<Network.Text> empty) {
    this.guidance = guidance;
    this.conditional = teacher.ask(draw, text);
    this.unconditional = guidance.isOn() ? teacher.ask(draw, empty.get()) : conditional;
  }

  /** The push in x₀ space, [B, C, H, W]. */
  Tensor direction() {
    return guidance.surplus(conditional.clean(), unconditional.clean());
  }

  /** The teacher's guided prediction at the engine's draw. */
  Tensor guided() {
    return guidance.apply(conditional.clean(), unconditional.clean());
  }
}
