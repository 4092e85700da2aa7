/**
 * Benchmarks of whole updates of Decoupled DMD on the real path, with random weights and features,
 * so that nothing has to be fetched or trained first.
 *
 * <ul>
 *   <li>{@link org.peltast.bench.UpdateShape} is what an update is measured on, and counts its
 *       work; {@link org.peltast.bench.UpdateBenchmark} runs updates of that shape through trainer,
 *       executor and roles. {@link org.peltast.bench.StepBenchmark} measures the median of them
 *       after a {@link org.peltast.bench.WarmUp}; a {@link org.peltast.bench.UpdateMeasurement} is
 *       one update, with its seconds by {@link org.peltast.bench.UpdatePart} as the executor noted
 *       them, a {@link org.peltast.bench.UpdateSummary} what several come to.
 *   <li>{@link org.peltast.bench.Roofline} is the roofline: the best matrix product that the same
 *       process gets out of the same machine.
 *   <li>{@link org.peltast.bench.AgainstPytorch}: the same update in PyTorch, in turns. {@link
 *       org.peltast.bench.SharedMachine}: beside busy processes. {@link org.peltast.bench.Soak}:
 *       memory over thousands of updates.
 *   <li>{@link org.peltast.bench.BenchException}: a mistake in how a benchmark was asked for.
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
