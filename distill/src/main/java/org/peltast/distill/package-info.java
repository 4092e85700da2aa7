/**
 * Distillation: the paper's equation 8 as code, and the loop around it.
 *
 * <p><b>The idea.</b> What is commonly trained as "distribution matching distillation" under
 * guidance is a sum of two terms (equations 5 and 6). The <em>engine</em>, CFG augmentation ({@code
 * (α − 1)(x₀(x_τ|c) − x₀(x_τ|∅))}), turns a many-step guided teacher into a few-step generator: it
 * is the paper's spear. Alone it never stops: images saturate, their variance grows, they fall
 * apart. The <em>regulariser</em>, distribution matching ({@code x₀(x_τ|c) − x₀_fake(x_τ|c)} with a
 * fake model that follows the generator), is the shield: it holds the generator where its images
 * look like the teacher's. As they do different things, they are noised differently ({@link
 * org.peltast.distill.Renoising}): the engine looks forward from the generator's step, over (t, 1];
 * the regulariser watches all of [0, 1].
 *
 * <p><b>One update, as data walks through it</b> ({@link org.peltast.distill.DecoupledDmd}):
 *
 * <ol>
 *   <li>A {@link org.peltast.distill.Batch} comes from a {@link org.peltast.distill.BatchSource}, a
 *       function of the update's number: captions, empty captions, the shape of latents.
 *   <li>{@link org.peltast.distill.Rollout} draws a step of the generator's grid and walks there
 *       from noise without gradient; at that step the generator predicts the image x̂, with
 *       gradient.
 *   <li>{@link org.peltast.distill.Renoising} draws (τ, ε) for engine and regulariser.
 *   <li>Both put their {@link org.peltast.distill.Questions} to the frozen teacher, which is
 *       evaluated once for all of them; the regulariser asks its fake.
 *   <li>Their directions, over a {@link org.peltast.distill.Normaliser} and by weight, sum to the
 *       push Δ, and {@code ½ ‖x̂ − stopgrad(x̂ + Δ)‖²} gives x̂ the gradient −Δ. A weight of 0
 *       takes its term away with all its evaluations.
 *   <li>The student's {@link org.peltast.distill.Role} clips, steps and averages.
 *   <li>The {@link org.peltast.distill.Regulariser} learns from generated images, several times if
 *       asked: the fake by the ordinary denoising loss.
 * </ol>
 *
 * <p>With one shared draw, unit weights and the shared normaliser this is DMD2 to 1e-6; a test says
 * so.
 *
 * <p><b>The public surface.</b>
 *
 * <ul>
 *   <li>{@link org.peltast.distill.Method}: one way of training, one update at a time: {@link
 *       org.peltast.distill.DecoupledDmd}, and {@link org.peltast.distill.FlowMatching}, which
 *       trains teachers. An update is a function of (roles, batch, random stream); it knows no
 *       files, clocks or networks' insides, and yields {@link org.peltast.distill.Figures}.
 *   <li>{@link org.peltast.distill.Role}: a trained network with its optimiser and moving average;
 *       {@link org.peltast.distill.LearningRate}.
 *   <li>{@link org.peltast.distill.Regulariser}: {@link org.peltast.distill.DistributionMatching},
 *       {@link org.peltast.distill.MeanVariance} (equation 7), {@link
 *       org.peltast.distill.NoRegulariser}. Another shield is another class.
 *   <li>{@link org.peltast.distill.Trainer}: a method in the loop ({@link
 *       org.peltast.distill.RunLoop}): log, checkpoints, observers, an orderly end. What an update
 *       leaves to be written is written while the next one is computed, and the batch of the next
 *       is made while this one is; an update waits only before it changes what is being written.
 *       Everything random forks from (seed, update, item), so a run cut anywhere and resumed has
 *       the bits of the uninterrupted one, and a batch computed in parts is the same update.
 *   <li>{@link org.peltast.distill.Observer}: looks on: {@link org.peltast.distill.ExplosionGuard}
 *       ends a run that explodes, {@link org.peltast.distill.VarianceGuard} raises the
 *       regulariser's weight. {@link org.peltast.distill.DivergedException} names the term that is
 *       no number any more. {@link org.peltast.distill.Appearance} measures pictures for the log.
 * </ul>
 *
 * <p>{@link org.peltast.runs} is the run without its tensors: recipe, folder, checkpoints, log.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill;
