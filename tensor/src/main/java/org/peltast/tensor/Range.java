package org.peltast.tensor;

import java.util.AbstractList;
import java.util.List;
import java.util.Objects;

/**
 * Some consecutive items of a batch.
 *
 * @param from the first
 * @param count how many
 */
public record Range(int from, int count) {
  /** Checks that there can be such items. */
  public Range {
    if (from < 0 || count < 0) {
      throw new TensorException(
          "a range begins at 0 or later and has no less than 0 items, got " + from + ", " + count);
    }
  }

  /** One past the last. */
  public int end() {
    return from + count;
  }

  /**
   * The items from 0 on, dealt out in order.
   *
   * @param items how many there are, at least 1
   * @param shares how many ranges of nearly equal size to make of them, at least 1; never more than
   *     there are items
   */
  public static List<Range> deal(int items, int shares) {
    if (items < 1 || shares < 1) {
      throw new TensorException(
          "at least one item is dealt out to at least one, got " + items + " and " + shares);
    }
    int n = Math.min(items, shares);
    return new AbstractList<>() {
      @Override
      public Range get(int i) {
        Objects.checkIndex(i, n);
        int from = (int) ((long) items * i / n);
        return new Range(from, (int) ((long) items * (i + 1) / n) - from);
      }

      @Override
      public int size() {
        return n;
      }
    };
  }
}
