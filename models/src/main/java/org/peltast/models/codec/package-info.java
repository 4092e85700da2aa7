/**
 * Latent codecs: what turns pictures in [0, 1] into the latents that networks draw, and back.
 *
 * <p>A {@link org.peltast.models.codec.Codec} is one of {@link
 * org.peltast.models.codec.PixelCodec}, {@link org.peltast.models.codec.Taef2Codec} (its weights
 * come with the project) and {@link org.peltast.models.codec.AutoencoderKl}; {@link
 * org.peltast.models.codec.Codecs} finds them by name and in model folders. Networks see latents
 * normalised by channel; a {@link org.peltast.models.codec.NormalisedCodec} is codec and {@link
 * org.peltast.models.codec.Normalisation} in one, so that training and generation cannot disagree.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models.codec;
