/**
 * The Z-Image transformer: a single-stream diffusion transformer in which image and caption tokens
 * share one sequence.
 *
 * <p>{@link org.peltast.models.zimage.ZImageTransformer} reads top to bottom as the network
 * computes; {@link org.peltast.models.zimage.ZImageConfig} is its {@code config.json}. Weights
 * carry the names of the reference implementation's checkpoints (diffusers' {@code
 * ZImageTransformer2DModel}), to which forward and backward are held by golden files.
 *
 * <p>The blocks as written here are the definition, for any device, dtype and shape. On a CPU
 * {@link org.peltast.models.nextdit.fused} computes the same from fused kernels, with products in
 * float32 or bfloat16; {@link org.peltast.models.zimage.ZImageTransformer#obstacleToFusion} says
 * why not, where it does not.
 */
@NullMarked
package org.peltast.models.zimage;

import org.jspecify.annotations.NullMarked;
