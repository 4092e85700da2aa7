/**
 * Networks, text encoders, latent codecs, and the diffusers directory layout.
 *
 * <p><b>Text.</b> A {@link org.peltast.models.TextEncoder} turns each prompt into {@link
 * org.peltast.models.TokenFeatures}, one vector a token, unpadded; the empty prompt stands for "no
 * condition". {@link org.peltast.models.MiniLmEncoder} is the small one that comes with the
 * project, and runs on the processor, offline. {@link org.peltast.models.CachedTextEncoder} keeps
 * what was encoded, in memory and on disk, under the encoder's id, which names the checksum of its
 * files: a feature is a function of (id, prompt) and of nothing else.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.models;
