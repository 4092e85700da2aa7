/**
 * Data-parallel training over several processes: process groups, bucketed gradient reduction, and
 * optimiser state sharded by owner (ZeRO stage 1).
 *
 * <p>A {@link org.peltast.tensor.parallel.ProcessGroup} is a rank's view of all processes: {@link
 * org.peltast.tensor.parallel.ProcessGroup#alone} for one, {@link
 * org.peltast.tensor.parallel.ProcessGroup#fromEnvironment} under {@code peltast launch} or
 * torchrun. A {@link org.peltast.tensor.parallel.ShardedOptimiser} trains a network's weights with
 * it; its {@link org.peltast.tensor.parallel.GradientBuckets} send gradients to their owners while
 * the backward pass still runs.
 *
 * <p>{@link org.peltast.tensor.parallel.LocalProcesses} starts a program as several processes of
 * one machine, as {@code peltast launch} does.
 *
 * <pre>{@code
 * try (ProcessGroup group = ProcessGroup.fromEnvironment();
 *     ShardedOptimiser optimiser =
 *         new ShardedOptimiser(group, weights, AdamW.Settings.defaults(), 0.999)) {
 *   for (int update = 0; group.decideIf("go on", () -> wanted()); update++) {
 *     try (Scope step = Scope.open()) {
 *       optimiser.buckets().begin();
 *       loss(myShareOfTheBatch(update)).div(group.size()).backward();
 *       Tensor norm = optimiser.buckets().finish(); // the same on all ranks
 *       optimiser.step(1e-3, new Gradients.Clip(norm, 1));
 *       weights.clearGradients();
 *     }
 *   }
 * }
 * }</pre>
 *
 * <h2>Failure</h2>
 *
 * <p>Beside the tensors' connections (Gloo, through c10d) each rank keeps a control connection to
 * rank 0 with a heartbeat. A rank that dies, hangs or calls {@link
 * org.peltast.tensor.parallel.ProcessGroup#abort} makes every operation of all others throw a
 * {@link org.peltast.tensor.parallel.ParallelException} that names it; a process that does not
 * leave the group within 20 seconds after that is ended.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor.parallel;
