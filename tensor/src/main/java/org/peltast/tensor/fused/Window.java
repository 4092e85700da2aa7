package org.peltast.tensor.fused;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Floats;

/**
 * Kept memory as the loops over rows see it: as float32, whatever it holds. Through a window on
 * float32 memory they see the memory itself. A window on bfloat16 shows a copy of one row, which
 * lies in the nearest cache and is rounded back when it is {@link #write written}; so what a kernel
 * computes between reading and writing is float32 either way, and each loop is written once.
 *
 * <p>A kernel has at most {@link #SPARE} windows open, each from its call to its return.
 */
final class Window {
  private static final int SPARE = 8;
  private static final ThreadLocal<Spare> COPIES = ThreadLocal.withInitial(Spare::new);

  /** What the loops read and write. */
  final Object memory;

  private final @Nullable Object behind; // bfloat16; null where the memory itself is seen

  private Window(Object memory, @Nullable Object behind) {
    this.memory = memory;
    this.behind = behind;
  }

  /**
   * Opens one.
   *
   * @param longest how many numbers at most are seen at a time
   */
  static Window on(Floats all, int longest) {
    return all.dtype() == DType.FLOAT32
        ? new Window(all.memory(), null)
        : new Window(COPIES.get().next(longest).memory(), all.memory());
  }

  /**
   * Shows some numbers.
   *
   * @param first the number of the first
   * @param count a multiple of the vector's length
   * @return the byte in {@link #memory} where they begin
   */
  int read(int first, int count) {
    if (behind == null) {
      return first * Float.BYTES;
    }
    widenRow(behind, first * Short.BYTES, memory, count * Short.BYTES);
    return 0;
  }

  /** The byte where some numbers begin of which all will be overwritten. */
  int open(int first) {
    return behind == null ? first * Float.BYTES : 0;
  }

  /** Puts back what was read or opened and has changed since. */
  void write(int first, int count) {
    if (behind != null) {
      narrowRow(memory, behind, first * Short.BYTES, count * Short.BYTES);
    }
  }

  private static void widenRow(Object from, int at, Object to, int width) {
    for (int i = at; i < at + width; i += Lanes.STEP / 2) {
      Lanes.store(Lanes.widen(from, i), to, 2 * (i - at));
    }
  }

  private static void narrowRow(Object from, Object to, int at, int width) {
    for (int i = at; i < at + width; i += Lanes.STEP / 2) {
      Lanes.narrow(Lanes.load(from, 2 * (i - at)), to, i);
    }
  }

  /** A thread's memory for copies, taken in turns. */
  private static final class Spare {
    private final @Nullable Floats[] copies = new @Nullable Floats[SPARE];
    private int turn;

    Floats next(int longest) {
      turn = (turn + 1) % SPARE;
      Floats known = copies[turn];
      if (known == null || known.count() < longest) {
        known = Floats.allocate(longest);
        copies[turn] = known;
      }
      return known;
    }
  }
}
