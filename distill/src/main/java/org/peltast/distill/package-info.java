/**
 * Training of diffusion models: methods, described by phases and losses, the executor that runs
 * their updates, and the training loop around it.
 *
 * <p><b>Method → phase → loss.</b> A {@link org.peltast.distill.Method} is the mathematics of one
 * update: a list of {@link org.peltast.distill.Phase}s, in order. A phase names the {@link
 * org.peltast.distill.Role}s that take a step after it, how often it repeats, which batch it
 * computes on, and one {@code loss} for a {@link org.peltast.distill.MicroBatch}. A method sees
 * networks ({@link org.peltast.diffusion.Network}) and tensors; it knows no file, no clock and no
 * class of network. Roles that a phase does not train are frozen while it runs: gradients flow
 * through them and none stay in them.
 *
 * <p><b>The executor runs.</b> {@link org.peltast.distill.UpdateExecutor} is the one place that
 * knows micro-batches, threads, processes, backward passes, the order of sums, clipping, optimiser
 * steps, moving averages, finiteness and clocks. In a {@link
 * org.peltast.tensor.parallel.ProcessGroup} each process computes its share of a batch. An update
 * is a function of the roles, its batches and a random stream. The stream of a repetition forks
 * from (seed, update, phase, repetition), and what belongs to an item forks further by the item's
 * place in the batch. So a batch computed in parts, or by another number of threads or processes,
 * is the same update up to the order of sums.
 *
 * <p><b>The trainer loops.</b> {@link org.peltast.distill.Trainer} takes batches from a {@link
 * org.peltast.distill.BatchSource}, asks the observers, and writes log and checkpoints ({@link
 * org.peltast.runs}). The next update's batches are made, and what the last one left is written,
 * while an update is computed; an update waits only before it changes what is being written. As
 * everything random is a function of the update's number, a run that was cut anywhere and resumed
 * has the bits of the uninterrupted one.
 *
 * <p><b>The rest of the public surface.</b>
 *
 * <ul>
 *   <li>{@link org.peltast.distill.Batch}: captions, empty captions and, where a method learns from
 *       data, clean latents and labels; its noise and numbers are drawn item by item.
 *   <li>{@link org.peltast.distill.LearningRate}: over a role's own updates.
 *   <li>{@link org.peltast.distill.Metrics}: the named numbers of an update, read from their device
 *       at once. {@link org.peltast.distill.Appearance} measures latents as pictures for them.
 *   <li>{@link org.peltast.distill.TermWeights}: the weights of a method's terms by name, adjusted
 *       in a run, and kept in its checkpoints.
 *   <li>{@link org.peltast.distill.Observer}: looks at a run after each update. {@link
 *       org.peltast.distill.ExplosionGuard} ends one that explodes, {@link
 *       org.peltast.distill.VarianceGuard} raises and lowers a term's weight.
 *   <li>{@link org.peltast.distill.DivergedException}: names the loss, direction or gradient that
 *       is not finite, or exploded.
 *   <li>{@link org.peltast.distill.FlowMatching}: the method that trains teachers.
 * </ul>
 *
 * <p><b>Methods of distillation</b> are in packages of their own, one for each family of methods:
 *
 * <ul>
 *   <li>{@link org.peltast.distill.dmd}: Decoupled DMD, the paper's equation 8 as a list of terms,
 *       and DMD2.
 *   <li>{@link org.peltast.distill.consistency}: latent consistency distillation.
 *   <li>{@link org.peltast.distill.adversarial}: discriminators and their losses.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package org.peltast.distill;
