package org.peltast.tensor.kernels;

import org.peltast.tensor.DType;
import org.peltast.tensor.HostBuffer;

/**
 * Kept memory as the loops over rows see it: a piece at a time, copied into an array of Java's in
 * the nearest cache, and put back from there when it is {@link #write written}. Bfloat16 is widened
 * and rounded on the way, so what a kernel computes in between is float32 whatever the memory
 * holds, and each loop is written once.
 *
 * <p>Arrays, because the compilers know all about them: loops over memory outside of Java's own
 * check each access and order it after all others, which takes longer than to copy it.
 *
 * <p>A kernel has at most {@link #SPARE} buffers open, each from its call to its return.
 */
final class RowBuffer {
  private static final int SPARE = 8;
  private static final ThreadLocal<Spare> ARRAYS = ThreadLocal.withInitial(Spare::new);

  /** What the loops read and write. */
  final float[] floats;

  private final HostBuffer memory;
  private final short[] rounded; // bfloat16 on its way; empty where there is none

  private RowBuffer(HostBuffer memory, float[] floats, short[] rounded) {
    this.memory = memory;
    this.floats = floats;
    this.rounded = rounded;
  }

  /**
   * Opens one.
   *
   * @param longest how many numbers at most are seen at a time
   */
  static RowBuffer on(HostBuffer memory, int longest) {
    return ARRAYS.get().next(memory, longest);
  }

  /** Shows some numbers at the array's beginning. */
  void read(int first, int count) {
    read(first, 0, count);
  }

  /**
   * Shows some numbers.
   *
   * @param first the number of the first
   * @param at the place in the array where they begin
   * @param count a multiple of the vector's length if they are bfloat16
   */
  void read(int first, int at, int count) {
    if (memory.dtype() == DType.FLOAT32) {
      memory.get(first, floats, at, count);
    } else {
      memory.get(first, rounded, at, count);
      widenRows(rounded, floats, at, count);
    }
  }

  /** Puts back what is at the array's beginning. */
  void write(int first, int count) {
    write(first, 0, count);
  }

  /** The opposite of {@link #read(int, int, int)}. */
  void write(int first, int at, int count) {
    if (memory.dtype() == DType.FLOAT32) {
      memory.put(first, floats, at, count);
    } else {
      narrowRows(floats, rounded, at, count);
      memory.put(first, rounded, at, count);
    }
  }

  private static void widenRows(short[] from, float[] to, int at, int count) {
    for (int i = at; i < at + count; i += Lanes.WIDTH) {
      Lanes.store(Lanes.widen(from, i), to, i);
    }
  }

  private static void narrowRows(float[] from, short[] to, int at, int count) {
    for (int i = at; i < at + count; i += Lanes.WIDTH) {
      Lanes.narrow(Lanes.load(from, i), to, i);
    }
  }

  /** A thread's arrays, taken in turns. */
  private static final class Spare {
    private final float[][] floats = new float[SPARE][0];
    private final short[][] rounded = new short[SPARE][0];
    private int turn;

    RowBuffer next(HostBuffer memory, int longest) {
      turn = (turn + 1) % SPARE;
      if (floats[turn].length < longest) {
        floats[turn] = new float[longest];
      }
      if (memory.dtype() != DType.FLOAT32 && rounded[turn].length < longest) {
        rounded[turn] = new short[longest];
      }
      return new RowBuffer(memory, floats[turn], rounded[turn]);
    }
  }
}
