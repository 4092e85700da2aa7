/**
 * Consistency distillation: a student whose answers agree along the teacher's trajectory.
 *
 * <p>{@link org.peltast.distill.consistency.Lcm} is latent consistency distillation (Luo et al.,
 * 2023): the student's answer at a point of the teacher's guided trajectory equals that of a target
 * network, a moving average of the student's weights, one solver step further.
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill.consistency;
