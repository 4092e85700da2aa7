/**
 * Adversarial training in latent space: discriminators on a diffusion network's features, and their
 * losses.
 *
 * <p>A {@link org.peltast.distill.adversarial.Discriminator} judges re-noised images by the {@link
 * org.peltast.diffusion.FeatureTaps} of a trunk, the fake model's (DMD2) or the frozen teacher's
 * (the paper). Only its light {@link org.peltast.distill.adversarial.DiscriminatorHead} has weights
 * of its own. {@link org.peltast.distill.adversarial.AdversarialLoss} is softplus or hinge.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill.adversarial;
