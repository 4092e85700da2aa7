package org.peltast.tensor.kernels;

import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;

/**
 * Numbers that belong to the rows of each item, or to all rows alike: what a norm's answer is
 * multiplied by, or the gradient by it, to which kernels add.
 */
public final class Factor {
  /** A gradient that nobody asks for: kernels that are given it sum none. */
  public static final Factor NONE = new Factor(new float[0], 0, 0, 0);

  /** Gradients that kernels were asked for, a sum for all threads. */
  private static final LongAdder SUMMED = new LongAdder();

  final float[] values;
  private final int first; // of the first item
  private final int step; // from one item to the next: 0 where all share them
  private final int length;

  private Factor(float[] values, int first, int step, int length) {
    this.values = values;
    this.first = first;
    this.step = step;
    this.length = length;
  }

  /** The same numbers for all rows of all items. */
  public static Factor shared(float[] values) {
    return new Factor(values, 0, 0, values.length);
  }

  /**
   * Each item its own.
   *
   * @param values [items, length], live
   */
  public static Factor each(float[] values, int length) {
    if (length < 1 || values.length % length != 0) {
      throw new IllegalArgumentException(
          values.length + " numbers are no rows of " + length + " each");
    }
    return new Factor(values, 0, length, length);
  }

  /**
   * How many gradients by factors kernels have summed in this process; what a pass takes is a
   * difference of two.
   */
  public static long summed() {
    return SUMMED.sum();
  }

  /** A kernel is about to sum a gradient by factors. */
  static void count() {
    SUMMED.increment();
  }

  /** Those of the items from one on. */
  public Factor from(int item) {
    if (this == NONE) {
      return this;
    }
    if (item < 0 || first + (long) item * step + length > values.length) {
      throw new IllegalArgumentException(
          values.length + " numbers have none of " + length + " for item " + item);
    }
    return new Factor(values, first + item * step, step, length);
  }

  /** Where an item's numbers begin. */
  int at(int item) {
    return first + item * step;
  }

  void require(int items, int wanted) {
    if (length != wanted || first + (items - 1L) * step + length > values.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a kernel was given factors of %d for %d items of %d",
              length,
              items,
              wanted));
    }
  }
}
