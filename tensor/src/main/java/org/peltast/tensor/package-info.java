/**
 * Tensors with gradients, and what networks are made of. This module alone sees libtorch.
 *
 * <h2>Memory</h2>
 *
 * <p>A {@link org.peltast.tensor.Tensor} lies in native memory and belongs to a {@link
 * org.peltast.tensor.Scope}: the innermost that was open on its thread when it was made. When that
 * closes the tensor is gone, and using it is an {@link java.lang.IllegalStateException}. A result
 * outlives its scope by {@link org.peltast.tensor.Scope#release release}; weights, moments and
 * averages belong to the {@link org.peltast.tensor.Parameters}, {@link org.peltast.tensor.AdamW}
 * and {@link org.peltast.tensor.Ema} that made them, and are freed when those are closed. The
 * garbage collector has no part in any of it.
 *
 * <pre>{@code
 * try (Scope run = Scope.open();
 *     Parameters weights = Parameters.on(Device.CPU, Precision.auto(Device.CPU))) {
 *   Linear layer = new Linear(weights.at("layers").at("0"), 8, 4, true); // layers.0.weight, .bias
 *   weights.initialise(Rng.of(1));
 *   weights.trainable(true);
 *   AdamW optimiser = new AdamW(weights, AdamW.Settings.defaults());
 *   for (int update = 0; update < 1000; update++) {
 *     try (Scope step = Scope.open()) {
 *       Tensor y = layer.forward(x).to(DType.FLOAT32);
 *       y.sub(target).square().mean().backward();
 *       Gradients.clip(weights, 1);
 *       optimiser.step(1e-3);
 *       weights.clearGradients();
 *     }
 *   }
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
 *   <li>{@link org.peltast.tensor.Parameters}: a network's weights under the names of its
 *       checkpoints. All are float32; {@link org.peltast.tensor.Precision} says in which dtype
 *       products are computed, and {@link org.peltast.tensor.Parameter#inProducts} gives a weight
 *       in it.
 *   <li>Layers that declare their weights by those names: {@link org.peltast.tensor.Linear}, {@link
 *       org.peltast.tensor.Conv2d}, {@link org.peltast.tensor.Embedding}, {@link
 *       org.peltast.tensor.SwiGlu}, {@link org.peltast.tensor.TimestepEmbedding} and the norms
 *       {@link org.peltast.tensor.RmsNorm}, {@link org.peltast.tensor.LayerNorm}, {@link
 *       org.peltast.tensor.GroupNorm}. Norms give float32; linear layers and convolutions give the
 *       dtype of products. {@link org.peltast.tensor.Attention} has no weights: it is a function.
 *   <li>Training: {@link org.peltast.tensor.AdamW}, {@link org.peltast.tensor.Ema}, {@link
 *       org.peltast.tensor.Gradients#clip}; calling {@code backward} several times before a step
 *       adds gradients up. {@link org.peltast.tensor.ActivationCheckpointing} runs segments twice
 *       and keeps less.
 *   <li>What is computed by hand: {@link org.peltast.tensor.CustomGradient} puts it into the graph,
 *       {@link org.peltast.tensor.HostBuffer} is memory that Java and native code share, {@link
 *       org.peltast.tensor.Matrices} are matrices in it, whose products oneDNN computes without
 *       libtorch between, {@link org.peltast.tensor.WorkerPool} deals work out to threads; {@link
 *       org.peltast.tensor.kernels} has kernels.
 *   <li>For several processes: {@link org.peltast.tensor.GradientListener} is told of gradients
 *       while a backward pass runs, {@link org.peltast.tensor.ParameterBuffer} is a message of
 *       several weights; {@link org.peltast.tensor.parallel} has process groups. {@link
 *       org.peltast.tensor.Range} is some consecutive items of a batch.
 *   <li>{@link org.peltast.tensor.TensorFiles}: to and from safetensors files, by the piece.
 *   <li>{@link org.peltast.tensor.Engine}: threads, GPU, whether bfloat16 pays off here.
 * </ul>
 *
 * <h2>Mistakes</h2>
 *
 * <p>Shapes, dtypes, devices, indices and sizes are checked on this side of the boundary. A mistake
 * is a {@link org.peltast.tensor.TensorException} of one sentence, also where libtorch itself
 * refuses; a tensor that the machine's memory cannot hold is a {@link
 * org.peltast.tensor.MemoryException}, which is one too. A test calls the whole public surface with
 * wrong arguments in a process of its own, which must survive.
 *
 * <p>Scopes, tensors and optimisers are for one thread at a time; several threads may each have
 * their own.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor;
