/** Networks, text encoders, latent codecs, and the diffusers directory layout. */
@org.jspecify.annotations.NullMarked
package org.peltast.models;
