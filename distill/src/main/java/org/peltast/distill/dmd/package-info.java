/**
 * Distribution matching distillation: the paper's equation 8 as a list of weighted terms, and DMD2.
 *
 * <p><b>The idea.</b> What is trained as "distribution matching distillation" under guidance is a
 * sum of two terms (equations 5 and 6). CFG augmentation, {@code (α − 1)(x₀(x_τ|c) − x₀(x_τ|∅))},
 * turns a many-step guided teacher into a few-step generator. Alone it never stops: images
 * saturate, their variance grows, they fall apart. Distribution matching, {@code x₀_real(x_τ|c) −
 * x₀_fake(x_τ|c)} with a fake model that follows the generator, holds it where its images look like
 * the teacher's. As the two do different work, they may be noised, normalised and weighted
 * differently.
 *
 * <p><b>Terms push.</b> The generator's loss is
 *
 * <pre>
 *   Δ = Σ wᵢ · directionᵢ / normaliserᵢ
 *   loss = ½ ‖x̂ − stopgrad(x̂ + Δ)‖² + Σ wⱼ · lossⱼ
 * </pre>
 *
 * <ul>
 *   <li>{@link org.peltast.distill.dmd.Term}: a direction in x₀ space or a loss. Each asks the
 *       frozen teacher through the {@link org.peltast.distill.dmd.View}, whose {@link
 *       org.peltast.distill.dmd.PredictionRequest} is evaluated once for all terms.
 *   <li>{@link org.peltast.distill.dmd.CfgAugmentation}, {@link
 *       org.peltast.distill.dmd.DistributionMatching}: directions. {@link
 *       org.peltast.distill.dmd.MeanVariance} (equation 7), {@link
 *       org.peltast.distill.dmd.Adversary}: losses.
 *   <li>{@link org.peltast.distill.dmd.WeightedTerm}: a term with its weight and its {@link
 *       org.peltast.distill.dmd.Normaliser} (residual × place × floor). With weight 0 it is not
 *       evaluated.
 * </ul>
 *
 * <p><b>Learners follow.</b> A {@link org.peltast.distill.dmd.Learner} learns from the generator's
 * images in a phase of its own: {@link org.peltast.distill.dmd.FakeModel}, on whose features DMD2's
 * discriminator may stand, and {@link org.peltast.distill.dmd.TeacherCritic}, the paper's
 * discriminator on the frozen teacher's. Learning is apart from pushing.
 *
 * <p><b>Times.</b> {@link org.peltast.distill.dmd.Rollout} walks without gradient to the step that
 * is trained (backward simulation). {@link org.peltast.distill.dmd.Renoising} draws (τ, ε) for CFG
 * augmentation and for the other terms, each from an interval, with a margin before or after the
 * timestep shift; the paper's four schedules are constants of it.
 *
 * <p><b>Methods.</b> {@link org.peltast.distill.dmd.DecoupledDmd} is made of a list of weighted
 * terms and a list of learners. {@link org.peltast.distill.dmd.Dmd2} is DMD2, complete, written as
 * such a list: with one shared draw, unit weights and the shared normaliser the two directions sum
 * to its gradient, which golden files check.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill.dmd;
