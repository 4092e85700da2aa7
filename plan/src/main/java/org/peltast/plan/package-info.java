/**
 * What memory a distillation takes, before it is run.
 *
 * <ul>
 *   <li>{@link org.peltast.plan.Plan}: every role's weights, gradients, optimiser, average and
 *       copies, the activations of every phase, the peak, and which settings make it fit; what
 *       {@code peltast plan} prints.
 *   <li>{@link org.peltast.plan.Target}: what it is planned for.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.plan;
