/**
 * The mathematics of diffusion: noise paths, predictions, guidance, timestep shifts, step grids and
 * samplers, each defined once.
 *
 * <p>Time runs as in the paper: t = 0 is noise, t = 1 is clean. Step grids and draws of τ live in
 * time before the shift ("pre-shift"); networks see time after it.
 *
 * <ul>
 *   <li>{@link org.peltast.diffusion.Network}: a denoising network as methods and samplers see it,
 *       conditioned on a {@link org.peltast.diffusion.Condition}. {@link
 *       org.peltast.diffusion.FeatureTaps} is an optional capability: intermediate features.
 *   <li>{@link org.peltast.diffusion.NoisePath}: how data and noise are mixed, and every conversion
 *       between clean image, velocity and noise: {@link org.peltast.diffusion.RectifiedFlow},
 *       {@link org.peltast.diffusion.VariancePreserving}. {@link org.peltast.diffusion.Prediction}
 *       says which of them a network answers.
 *   <li>{@link org.peltast.diffusion.TimeShift}: from pre-shift time to the network's. Path,
 *       prediction and shift together are a {@link org.peltast.diffusion.NoiseSchedule}; with a
 *       network they make a {@link org.peltast.diffusion.Denoiser}, which predicts clean images.
 *   <li>{@link org.peltast.diffusion.Guidance}: {@code u + α(c − u)}, the one definition of α.
 *   <li>{@link org.peltast.diffusion.Sampler}: from noise to an image along a {@link
 *       org.peltast.diffusion.StepGrid}, which a {@link org.peltast.diffusion.StepSpacing} lays
 *       out: {@link org.peltast.diffusion.EulerOde}, {@link org.peltast.diffusion.Ddim}, and {@link
 *       org.peltast.diffusion.Renoise}, by which few-step generators draw.
 *   <li>{@link org.peltast.diffusion.DiffusionException}: a wrong use, in one sentence.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.diffusion;
