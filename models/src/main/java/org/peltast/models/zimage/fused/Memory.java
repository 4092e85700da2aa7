package org.peltast.models.zimage.fused;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Memory that was used before and will be again: fresh memory costs more than what is computed in
 * it. Shared by all networks of the process, as one rests while another computes. Of shapes out of
 * use for long it forgets all.
 */
final class Memory {
  private static final int SHAPES = 8;

  private static final Kind<Activations> ACTIVATIONS = new Kind<>(Activations::new);
  private static final Kind<Positions> POSITIONS = new Kind<>(Positions::new);
  private static final Kind<Scratch> SCRATCH = new Kind<>(Scratch::new);

  private Memory() {}

  private static final class Kind<T> {
    private final Function<Shape, T> maker;
    private final Map<Shape, Deque<T>> free = new LinkedHashMap<>(16, 0.75f, true);

    Kind(Function<Shape, T> maker) {
      this.maker = maker;
    }

    synchronized T take(Shape s) {
      Deque<T> known = free.computeIfAbsent(s, k -> new ArrayDeque<>());
      if (free.size() > SHAPES) {
        free.remove(free.keySet().iterator().next()); // the one least lately used
      }
      T found = known.poll();
      return found == null ? maker.apply(s) : found;
    }

    synchronized void giveBack(Shape s, T used) {
      Deque<T> known = free.get(s);
      if (known != null) {
        known.push(used);
      }
    }
  }

  static Activations activations(Shape s) {
    return ACTIVATIONS.take(s);
  }

  static Positions positions(Shape s) {
    return POSITIONS.take(s);
  }

  static Scratch scratch(Shape s) {
    return SCRATCH.take(s);
  }

  static void giveBack(Shape s, Activations used) {
    ACTIVATIONS.giveBack(s, used);
  }

  static void giveBack(Shape s, Positions used) {
    POSITIONS.giveBack(s, used);
  }

  static void giveBack(Shape s, Scratch used) {
    SCRATCH.giveBack(s, used);
  }
}
