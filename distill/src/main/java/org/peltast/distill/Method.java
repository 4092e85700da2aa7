package org.peltast.distill;

import java.util.List;

/**
 * A method of training: the phases of one update, as mathematics. {@link
 * org.peltast.distill.dmd.DecoupledDmd} is one, {@link FlowMatching} another.
 *
 * <p>A method describes and the {@link UpdateExecutor} runs: micro-batches, threads, processes,
 * backward passes, clipping, optimiser steps, moving averages, finiteness, clocks and checkpoints
 * are not a method's business. It sees {@link org.peltast.diffusion.Network}s and tensors, and
 * knows no file, clock or class of network.
 */
public interface Method extends AutoCloseable {
  /** The phases of one update, in order; always the same ones. */
  List<Phase> phases();

  /** The weights of its terms by name, which an {@link Observer} may adjust during a run. */
  default TermWeights weights() {
    return TermWeights.NONE;
  }

  /** Frees what the method made for itself; roles and networks are closed by their owners. */
  @Override
  default void close() {}
}
