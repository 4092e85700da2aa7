/**
 * The Lumina-Image 2.0 transformer (Qin et al., 2025): "Unified Next-DiT", in which caption and
 * image tokens share one sequence, with grouped-query attention.
 *
 * <p>{@link org.peltast.models.lumina2.Lumina2Transformer} reads top to bottom as the network
 * computes; {@link org.peltast.models.lumina2.Lumina2Config} is its {@code config.json}. Weights
 * carry the names of the reference implementation's checkpoints (diffusers' {@code
 * Lumina2Transformer2DModel}), to which forward and backward are held by golden files.
 */
@NullMarked
package org.peltast.models.lumina2;

import org.jspecify.annotations.NullMarked;
