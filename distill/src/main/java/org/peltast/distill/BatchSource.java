package org.peltast.distill;

/**
 * Where batches come from: a pure function of the update's number, so that resuming replays none.
 */
@FunctionalInterface
public interface BatchSource {
  /** The batch of one update, counted from 0; its tensors belong to the caller's scope. */
  Batch at(long update);
}
