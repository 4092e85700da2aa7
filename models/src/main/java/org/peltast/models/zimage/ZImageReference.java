package org.peltast.models.zimage;

import org.peltast.diffusion.Guidance;
import org.peltast.models.GoldenFile;
import org.peltast.models.nextdit.FlowReference;

/**
 * How golden files of diffusers' {@code ZImageTransformer2DModel} and pipeline are computed. The
 * pipeline's guidance is {@code c + s(c − u)} for every positive s (so α = 1 + s), with a limit on
 * the guided prediction's norm, and none past a time.
 */
final class ZImageReference extends FlowReference {
  /** The patch size that the reference pipeline calls its transformer with. */
  private static final int PATCH = 2;

  ZImageReference() {
    super(ZImageFamily.INSTANCE);
  }

  @Override
  protected int patch(GoldenFile golden) {
    return golden.has("patch_size") ? golden.integer("patch_size") : PATCH;
  }

  @Override
  protected Guidance guidance(GoldenFile golden) {
    double scale = golden.has("guidance_scale") ? golden.number("guidance_scale") : 0;
    return scale > 0 ? new Guidance(1 + scale, rescale(golden), truncation(golden)) : Guidance.NONE;
  }

  /** The reference takes a truth value for a number: True limits to 1. */
  private static Guidance.Rescale rescale(GoldenFile golden) {
    String key = "cfg_normalization";
    if (isFalse(golden, key)) {
      return Guidance.Rescale.NONE;
    }
    double limit = golden.text(key).equalsIgnoreCase("true") ? 1 : golden.number(key);
    return limit > 0 ? new Guidance.Rescale.AtMost(limit) : Guidance.Rescale.NONE;
  }

  private static Guidance.Truncation truncation(GoldenFile golden) {
    String key = "cfg_truncation";
    boolean given = golden.has(key) && !golden.text(key).matches("(?i)none|null|");
    return given ? new Guidance.Truncation.Until(golden.number(key)) : Guidance.Truncation.NONE;
  }
}
