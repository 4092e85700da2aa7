package org.peltast.models.codec;

import org.peltast.models.ModelException;
import org.peltast.tensor.Tensor;

/**
 * Turns pictures into the latents that a network draws in, and back. A codec is frozen: gradients
 * flow through it to its input, never into its weights.
 *
 * <p>{@link NormalisedCodec} adds the scaling of latents to any other codec; training and
 * generation use that one object, so that they cannot disagree.
 */
public interface Codec extends AutoCloseable {
  /** The name by which model folders and caches know it; it changes if the latents may change. */
  String id();

  /** C, the channels of a latent. */
  int channels();

  /** How many pixels, in each direction, one latent stands for. */
  int factor();

  /**
   * Pictures to latents.
   *
   * @param images [B, 3, H, W] float32 in [0, 1], H and W multiples of {@link #factor}
   * @return [B, C, H / factor, W / factor] float32
   * @throws ModelException if the shape or dtype does not fit
   */
  Tensor encode(Tensor images);

  /**
   * Latents to pictures.
   *
   * @param latents [B, C, h, w] float32
   * @return [B, 3, h · factor, w · factor] float32, meant to be in [0, 1] but not clamped to it
   * @throws ModelException if the shape or dtype does not fit
   */
  Tensor decode(Tensor latents);

  /** Frees the weights. */
  @Override
  void close();
}
