package org.peltast.models.lumina2;

import org.peltast.diffusion.Guidance;
import org.peltast.models.GoldenFile;
import org.peltast.models.nextdit.FlowReference;

/**
 * How golden files of diffusers' {@code Lumina2Transformer2DModel} and pipeline are computed. The
 * pipeline's guidance is {@code u + s(c − u)}, on for s above 1; unless told otherwise it brings
 * the norm of each row back to the conditional prediction's; and a share of the last steps may go
 * without it.
 */
final class Lumina2Reference extends FlowReference {
  Lumina2Reference() {
    super(Lumina2Family.INSTANCE);
  }

  @Override
  protected int patch(GoldenFile golden) {
    return 0;
  }

  @Override
  protected Guidance guidance(GoldenFile golden) {
    Guidance pipeline = Lumina2Family.GUIDANCE;
    double scale =
        golden.has("guidance_scale") ? golden.number("guidance_scale") : pipeline.alpha();
    if (!(scale > 1)) {
      return Guidance.NONE;
    }
    boolean unscaled = golden.has("cfg_normalization") && isFalse(golden, "cfg_normalization");
    return new Guidance(
        scale,
        unscaled ? Guidance.Rescale.NONE : pipeline.rescale(),
        golden.has("cfg_trunc_ratio")
            ? new Guidance.Truncation.Steps(golden.number("cfg_trunc_ratio"))
            : pipeline.truncation());
  }
}
