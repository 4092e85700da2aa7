/**
 * What the descendants of Next-DiT (Lumina-Next, 2024) have in common: blocks with "sandwich" norms
 * over one joint sequence of image and caption tokens, whose places are told by rotary embeddings.
 *
 * <p>A family's network puts {@link org.peltast.models.nextdit.SandwichBlock}s together from its
 * own layers, under the names of its own checkpoints, and runs them as {@link
 * org.peltast.models.nextdit.BlockStack}s: one over the image, one over the caption, and one over
 * both. Sequences hold the image's tokens first and the caption's after them, so that what fills a
 * short caption up to the batch's longest is at the end, where a mask takes it away. Attention does
 * not depend on the order of its rows, but on the places that {@link
 * org.peltast.models.nextdit.RotaryPositions} gives them.
 */
@NullMarked
package org.peltast.models.nextdit;

import org.jspecify.annotations.NullMarked;
