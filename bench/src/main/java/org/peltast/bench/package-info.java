/**
 * What Peltast measures of itself: whole updates of Decoupled DMD on the real path, with random
 * weights and features, so that nothing has to be fetched or trained first.
 *
 * <ul>
 *   <li>{@link org.peltast.bench.UpdateShape} is what an update is measured on, and counts its
 *       work; {@link org.peltast.bench.UpdateBenchmark} runs updates of that shape through trainer,
 *       executor and roles, and tells where their time went.
 *   <li>{@link org.peltast.bench.Roofline} is the roofline: the best matrix product that the same
 *       process gets out of the same machine.
 * </ul>
 *
 * <p>Operators and kernels one at a time are measured by a module of their own, {@code
 * bench/kernels}, which nothing depends on.
 *
 * <p>Work is counted at the border of the networks: an evaluation of so many images is so many
 * operations, however the network computes it. So an evaluation that is spared makes the update
 * faster and its work smaller, and never the efficiency larger.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.bench;
