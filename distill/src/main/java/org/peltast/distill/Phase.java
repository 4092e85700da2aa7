package org.peltast.distill;

import java.util.List;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Tensor;

/**
 * A part of an update that ends in optimiser steps: one loss, and the roles that descend on it.
 *
 * <p>The executor splits the phase's batch into micro-batches, asks for the {@link #loss} of each,
 * and adds up gradients as of one mean over the whole batch. Every role of the method that the
 * phase does not train is frozen while it runs: gradients flow through it and none stay in it.
 */
public interface Phase {
  /** Which batch a phase computes on. */
  enum Data {
    /** The update's own, shared with other phases: {@link MicroBatch#keep} hands tensors on. */
    SHARED,
    /** New captions (and images) at each repetition, as DMD2's fake model has. */
    OWN
  }

  /** The name in logs, profiles and random streams, such as "generator". */
  String name();

  /** The roles that take a step after it. */
  List<Role> trains();

  /** How many times it runs in each update. */
  default int repeats() {
    return 1;
  }

  /** Which batch it computes on. */
  default Data data() {
    return Data.SHARED;
  }

  /**
   * Whether its loss compares items with each other, so that it must see the whole batch at once:
   * it is not split into micro-batches, and every process computes all of it.
   */
  default boolean wholeBatch() {
    return false;
  }

  /** Whether it runs in this update; a phase whose weights are all 0 does not. */
  default boolean active() {
    return true;
  }

  /**
   * The loss of a micro-batch.
   *
   * @param part some items of the batch
   * @param rng the same for all micro-batches of a repetition; what belongs to an item forks from
   *     it by the item's place ({@link Batch#noise}, {@link Batch#numbers})
   * @param metrics where figures are noted, as means over the micro-batch
   * @return of rank 0, the mean over the micro-batch's items, in the graph of the trained roles
   */
  Tensor loss(MicroBatch part, Rng rng, Metrics metrics);

  /** After its roles have taken their step: where target networks move. */
  default void stepped() {}
}
