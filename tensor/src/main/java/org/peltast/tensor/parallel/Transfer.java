package org.peltast.tensor.parallel;

/** A message between two ranks that is under way. */
interface Transfer {
  /**
   * Waits until it has arrived, or its memory may be used again.
   *
   * @throws ParallelException if a rank failed meanwhile
   */
  void await();
}
