/**
 * Stable Diffusion XL: a UNet with transformers on its lower levels, conditioned on two text
 * encoders' features and on the picture's sizes.
 *
 * <p>{@link org.peltast.models.sdxl.SdxlFamily} is the plug. The network reads top to bottom as it
 * computes; its weights carry the names of diffusers' {@code UNet2DConditionModel}, to which
 * forward and backward are held by golden files.
 */
@NullMarked
package org.peltast.models.sdxl;

import org.jspecify.annotations.NullMarked;
