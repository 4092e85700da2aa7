package org.peltast.distill;

import java.util.Map;
import org.peltast.tensor.Tensor;

/**
 * What latents look like as pictures, in numbers for the log: saturation, colour cast. It is given
 * to a method because codecs are beyond this module.
 */
@FunctionalInterface
public interface Appearance {
  /** Measures nothing. */
  Appearance NONE = latents -> Map.of();

  /**
   * Measures.
   *
   * @param latents [B, C, h, w] float32, as the network has them
   * @return averages over the pictures, by name: of one element each, where the latents are
   */
  Map<String, Tensor> of(Tensor latents);
}
