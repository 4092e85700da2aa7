package org.peltast.distill;

import java.util.function.LongFunction;
import org.peltast.tensor.Range;

/** Where batches come from: a pure function of a number, so that resuming replays none. */
public interface BatchSource {
  /** The number of items in every batch. */
  int size();

  /**
   * Some items of one batch; their tensors belong to the caller's scope.
   *
   * @param draw counted from 0; an update takes as many draws as its method asks for
   * @param items which; a process asks for its own alone, so that no caption is encoded twice
   */
  Batch at(long draw, Range items);

  /** Batches that are made whole, for sources whose items cost nothing. */
  static BatchSource of(int size, LongFunction<Batch> batches) {
    return new BatchSource() {
      @Override
      public int size() {
        return size;
      }

      @Override
      public Batch at(long draw, Range items) {
        return batches.apply(draw).narrow(items);
      }
    };
  }
}
