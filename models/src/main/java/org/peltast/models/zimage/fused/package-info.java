/**
 * The blocks of the Z-Image transformer once more, for networks so small that passes over memory
 * take the time: the same function and its gradient, by hand. The definition is the plain block,
 * one package up; a reader of the paper needs nothing here.
 *
 * <p>{@link org.peltast.models.zimage.fused.FusedBlocks} is the entrance; {@code FusedBlock} has
 * the mathematics of both halves.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models.zimage.fused;
