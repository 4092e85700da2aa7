/**
 * Consistency distillation: a student whose answers agree along the teacher's trajectory. {@link
 * org.peltast.distill.consistency.Lcm} is latent consistency distillation.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill.consistency;
