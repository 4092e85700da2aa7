package org.peltast.bench;

import java.util.ArrayList;
import java.util.List;

/** Shapes along an axis, as {@code batch=8,16,32} names them. */
public final class Sweeps {
  private Sweeps() {}

  /**
   * The shapes of each sweep in turn, all else as in the given one.
   *
   * @throws BenchException if a sweep is not an axis and numbers, or a shape cannot be
   */
  public static List<UpdateShape> of(UpdateShape from, List<String> sweeps) {
    List<UpdateShape> shapes = new ArrayList<>();
    for (String sweep : sweeps) {
      if (!sweep.matches("[a-z]+=\\d{1,6}(,\\d{1,6})*")) {
        throw new BenchException(
            "a sweep is an axis and its values, as in --sweep batch=8,16,32, not '" + sweep + "'.");
      }
      String[] parts = sweep.split("=");
      for (String value : parts[1].split(",")) {
        shapes.add(from.with(parts[0], Integer.parseInt(value)));
      }
    }
    return shapes;
  }
}
