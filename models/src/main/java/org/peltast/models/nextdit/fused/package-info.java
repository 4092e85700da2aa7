/**
 * The blocks of Next-DiT's descendants once more, on processors where passes over memory take the
 * time: the same function and its gradient, by hand. The definition is the plain block, one package
 * up; a reader of the paper needs nothing here.
 *
 * <p>{@link org.peltast.models.nextdit.fused.FusedBlocks} is the entrance. The mathematics of both
 * halves is in {@code FusedBlock}, its sub-layers {@code FusedAttention} and {@code
 * FusedFeedForward}, and {@code Modulation}; a {@code BlockStackFunction} leads a batch through the
 * blocks and back, in {@code Tile}s of a few items.
 *
 * <p>They are the same for products in float32 and in bfloat16: what products read and write lies
 * in memory of their dtype ({@code Rows}), the stream, its gradient, factors and norms' statistics
 * in float32, and the kernels compute in float32 between reading the one and writing the other. A
 * weight's gradient is added up in float32 from products of a few items each.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models.nextdit.fused;
