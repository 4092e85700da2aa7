/**
 * What networks are made of, and how they learn: weights under the names of their checkpoints,
 * layers, low-rank adapters, an optimiser, moving averages, activation checkpointing.
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
 * <p>Weights, moments and averages belong to the {@link org.peltast.tensor.nn.Parameters}, {@link
 * org.peltast.tensor.nn.AdamW} and {@link org.peltast.tensor.nn.Ema} that made them, and are freed
 * when those are closed.
 *
 * <ul>
 *   <li>{@link org.peltast.tensor.nn.Parameters}: a network's weights under the names of its
 *       checkpoints. All are float32; {@link org.peltast.tensor.Precision} says in which dtype
 *       products are computed, and {@link org.peltast.tensor.nn.Parameter#inProducts} gives a
 *       weight in it.
 *   <li>Layers that declare their weights by those names: {@link org.peltast.tensor.nn.Linear},
 *       {@link org.peltast.tensor.nn.Conv2d}, {@link org.peltast.tensor.nn.Embedding}, {@link
 *       org.peltast.tensor.nn.SwiGlu}, {@link org.peltast.tensor.nn.TimestepEmbedding} and the
 *       norms {@link org.peltast.tensor.nn.RmsNorm}, {@link org.peltast.tensor.nn.LayerNorm},
 *       {@link org.peltast.tensor.nn.GroupNorm}. Norms give float32; linear layers and convolutions
 *       give the dtype of products. {@link org.peltast.tensor.nn.Attention} has no weights: it is a
 *       function.
 *   <li>{@link org.peltast.tensor.nn.Adapters} say which layers have a {@link
 *       org.peltast.tensor.nn.LowRank} adapter over another network's weights.
 *   <li>Training: {@link org.peltast.tensor.nn.AdamW}, {@link org.peltast.tensor.nn.Ema}, {@link
 *       org.peltast.tensor.nn.Gradients#clip}; calling {@code backward} several times before a step
 *       adds gradients up. {@link org.peltast.tensor.nn.ActivationCheckpointing} runs segments
 *       twice and keeps less.
 *   <li>For several processes: {@link org.peltast.tensor.nn.GradientListener} is told of gradients
 *       while a backward pass runs, {@link org.peltast.tensor.nn.ParameterBuffer} is a message of
 *       several weights; {@link org.peltast.tensor.parallel} has process groups.
 * </ul>
 *
 * <p>Mistakes are {@link org.peltast.tensor.TensorException}s, as in {@link org.peltast.tensor}.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.tensor.nn;
