/**
 * Adversarial training in latent space: a {@link org.peltast.distill.adversarial.Discriminator} of
 * {@link org.peltast.distill.adversarial.DiscriminatorHead light heads} on a denoiser's features,
 * and its {@link org.peltast.distill.adversarial.AdversarialLoss losses}.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill.adversarial;
