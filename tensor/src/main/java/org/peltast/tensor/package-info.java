/**
 * Tensors with gradients. This module alone sees libtorch.
 *
 * <h2>Memory</h2>
 *
 * <p>A {@link org.peltast.tensor.Tensor} lies in native memory and belongs to a {@link
 * org.peltast.tensor.Scope}: the innermost that was open on its thread when it was made. When that
 * closes the tensor is gone, and using it is an {@link java.lang.IllegalStateException}. A result
 * outlives its scope by {@link org.peltast.tensor.Scope#release release}; weights, moments and
 * averages belong to what made them, in {@link org.peltast.tensor.nn}, and are freed when that is
 * closed. The garbage collector has no part in any of it.
 *
 * <pre>{@code
 * try (Scope scope = Scope.open()) {
 *   Tensor w = Rng.of(1).normal(4, 8).requireGrad(true);
 *   Tensor y = x.linear(w, null);
 *   y.sub(target).square().mean().backward();
 *   Tensor gradient = w.grad(); // [4, 8]
 * }
 * }</pre>
 *
 * <h2>What there is</h2>
 *
 * <ul>
 *   <li>{@link org.peltast.tensor.Tensor}: operations as methods that read left to right, on {@link
 *       org.peltast.tensor.DType}s and {@link org.peltast.tensor.Device}s. {@link
 *       org.peltast.tensor.Autograd#off} stops the recording of gradients for a while.
 *   <li>{@link org.peltast.tensor.Rng}: seeded streams, the same bits on every machine, whose state
 *       is three numbers; a stream for any purpose is forked by name.
 *   <li>{@link org.peltast.tensor.Precision}: in which dtype products are computed. {@link
 *       org.peltast.tensor.Range}: some consecutive items of a batch.
 *   <li>{@link org.peltast.tensor.nn}: what networks are made of, and how they learn.
 *   <li>What is computed by hand: {@link org.peltast.tensor.CustomGradient} puts it into the graph,
 *       {@link org.peltast.tensor.GradientWatch} is told when a gradient receives something, {@link
 *       org.peltast.tensor.HostBuffer} is memory that Java and native code share, {@link
 *       org.peltast.tensor.Matrices} are matrices in it, whose products oneDNN computes without
 *       libtorch between, {@link org.peltast.tensor.WeightMatrix} is what many of them are
 *       multiplied by, {@link org.peltast.tensor.WorkerPool} deals work out to threads; {@link
 *       org.peltast.tensor.kernels} has kernels.
 *   <li>{@link org.peltast.tensor.parallel}: several processes that train together.
 *   <li>{@link org.peltast.tensor.TensorFiles}: to and from safetensors files, by the piece.
 *   <li>{@link org.peltast.tensor.Engine}: threads, GPU, whether bfloat16 pays off here.
 * </ul>
 *
 * <p>The other packages of this module stand on this one, and it on none of them.
 *
 * <h2>Mistakes</h2>
 *
 * <p>Shapes, dtypes, devices, indices and sizes are checked on this side of the boundary. A mistake
 * is a {@link org.peltast.tensor.TensorException} of one sentence, also where libtorch itself
 * refuses; a tensor that the machine's memory cannot hold is a {@link
 * org.peltast.tensor.MemoryException}, which is one too. A test calls the whole public surface of
 * this package and of {@link org.peltast.tensor.nn} with wrong arguments in a process of its own,
 * which must survive.
 *
 * <p>Scopes, tensors and optimisers are for one thread at a time; several threads may each have
 * their own.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor;
