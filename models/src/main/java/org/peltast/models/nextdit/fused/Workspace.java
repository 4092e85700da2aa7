package org.peltast.models.nextdit.fused;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.HostBuffer;

/**
 * A workspace of each thread, memory that is used again and again: fresh memory costs more than
 * what is computed in it. It is shared by all networks that the thread computes, as one rests while
 * another is at work.
 *
 * <p>It is given out in slots, always the first that is free: as a thread asks for the same again
 * and again, each slot is asked for the same things, whatever shapes they have. A slot grows to the
 * most that was asked of it.
 *
 * @param <T> what is laid out in a slot
 */
final class Workspace<T> {
  /** Layouts that a slot remembers, so that they need not be made again. */
  private static final int LAYOUTS = 8;

  private final BiFunction<Shape, Space, T> layout;
  private final List<Slot<T>> slots = new ArrayList<>();

  private Workspace(BiFunction<Shape, Space, T> layout) {
    this.layout = layout;
  }

  /**
   * A workspace for each thread.
   *
   * @param layout what to make of a slot for some shape
   */
  static <T> ThreadLocal<Workspace<T>> ofThreads(BiFunction<Shape, Space, T> layout) {
    return ThreadLocal.withInitial(() -> new Workspace<>(layout));
  }

  /** A slot laid out for a shape, to be closed. */
  Slot<T> take(Shape s) {
    for (Slot<T> slot : slots) {
      if (!slot.taken && slot.products == s.products()) {
        return slot.take(s, layout);
      }
    }
    Slot<T> slot = new Slot<>(s.products());
    slots.add(slot);
    return slot.take(s, layout);
  }

  /** Pieces of memory, in the order in which they are asked for. */
  static final class Space {
    private final List<HostBuffer> pieces = new ArrayList<>();
    private float[] array = {};
    private int next;
    private boolean grew;

    private void begin() {
      next = 0;
      grew = false;
    }

    /** The next piece; what is in it is whatever was. */
    HostBuffer floats(DType dtype, long... shape) {
      if (next == pieces.size()) {
        pieces.add(HostBuffer.allocate(dtype, shape));
      } else if (!pieces.get(next).holds(dtype, shape)) {
        pieces.set(next, HostBuffer.allocate(dtype, shape));
        grew = true;
      }
      return pieces.get(next++).as(dtype, shape);
    }

    float[] array(int length) {
      if (array.length < length) {
        grew = array.length > 0;
        array = new float[length];
      }
      return array;
    }
  }

  /** What is taken, to be left again by the same thread. */
  static final class Slot<T> implements AutoCloseable {
    // Products may read a little beyond a row, and multiply by zeros: there must be numbers.
    private final DType products;
    private final Space space = new Space();
    private final Map<Shape, T> layouts = new LinkedHashMap<>(16, 0.75f, true);
    private boolean taken;
    private @Nullable T content;

    Slot(DType products) {
      this.products = products;
    }

    private Slot<T> take(Shape s, BiFunction<Shape, Space, T> layout) {
      taken = true;
      T known = layouts.get(s);
      if (known == null) {
        space.begin();
        known = layout.apply(s, space);
        if (space.grew || layouts.size() == LAYOUTS) {
          layouts.clear(); // they lie in memory that is no longer the slot's
        }
        layouts.put(s, known);
      }
      content = known;
      return this;
    }

    /** The bytes of its pieces of memory. */
    long bytes() {
      return space.pieces.stream().mapToLong(p -> (long) p.count() * p.dtype().bytes()).sum();
    }

    T content() {
      return Objects.requireNonNull(content, "a slot that nobody has taken");
    }

    /** Leaves it. */
    @Override
    public void close() {
      taken = false;
    }
  }
}
