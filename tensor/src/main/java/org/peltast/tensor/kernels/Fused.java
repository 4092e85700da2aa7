package org.peltast.tensor.kernels;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Engine;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Range;
import org.peltast.tensor.WorkerPool;

/** Whether this Java can run the kernels, and on what they can run. */
public final class Fused {
  private static final @Nullable String OBSTACLE = findObstacle();

  /** Numbers from which on a pass takes some hundred microseconds, ten times a thread's start. */
  private static final int MANY = 1 << 18;

  private Fused() {}

  /** Why the kernels cannot run in this process; null if they can. */
  public static @Nullable String obstacle() {
    return OBSTACLE;
  }

  private static @Nullable String findObstacle() {
    if (ModuleLayer.boot().findModule(Engine.VECTOR_MODULE).isEmpty()) {
      return "Java was started without --add-modules " + Engine.VECTOR_MODULE;
    }
    return Lanes.WIDTH == 8 || Lanes.WIDTH == 16
        ? null
        : "vectors of " + Lanes.WIDTH + " floats are none that the kernels know";
  }

  /** Floats a vector: what rows must be a multiple of. 1 where kernels cannot run. */
  public static int width() {
    return OBSTACLE == null ? Lanes.WIDTH : 1;
  }

  /**
   * Leads a kernel over rows that do not depend on each other: side by side, unless they are so few
   * that handing them to threads would take longer, or the caller is a worker of a pool.
   *
   * @param width numbers of a row
   */
  static void eachRows(int rows, int width, Consumer<Range> kernel) {
    boolean many = (long) rows * width >= MANY;
    WorkerPool.each(Range.deal(rows, many ? WorkerPool.size() : 1), kernel);
  }

  /** Checks what is read or written in float32 alone. */
  static void requireFloat32(HostBuffer memory, long count) {
    require(memory, count);
    if (memory.dtype() != DType.FLOAT32) {
      throw new IllegalArgumentException("a kernel was given " + memory + " for float32 numbers");
    }
  }

  /** Checks what is seen through a {@link RowBuffer}. */
  static void require(HostBuffer memory, long count) {
    if (memory.count() != count) {
      throw new IllegalArgumentException(
          "a kernel was given " + memory + " where " + count + " numbers are needed");
    }
  }
}
