package org.peltast.tensor;

import java.lang.management.ManagementFactory;
import java.util.Locale;

/**
 * Refuses what the machine cannot hold before native code is asked for it: the system would promise
 * the memory and kill the process when it is touched.
 */
final class Memory {
  /** Below this nobody asks the system how much there is. */
  private static final long SMALL = 256L << 20;

  /** What one tensor may take; a test lowers it to see refusals without touching gigabytes. */
  private static volatile long small = SMALL;

  private static volatile long limit = -1;

  private Memory() {}

  static void limitTo(long bytes) {
    small = bytes;
    limit = bytes;
  }

  /** Checks that one more tensor of so many elements can be had on the CPU. */
  static void require(String operation, long count, DType dtype) {
    require(operation, count, dtype.bytes());
  }

  static void require(String operation, long count, int elementBytes) {
    // No valid count overflows here: Shapes keeps it below 2⁵⁹, and no element has more than 8
    // bytes.
    if (count * elementBytes > small) {
      requireLarge(operation, count * elementBytes);
    }
  }

  private static void requireLarge(String operation, long bytes) {
    long most = limit;
    if (most < 0) {
      most =
          ManagementFactory.getOperatingSystemMXBean()
                  instanceof com.sun.management.OperatingSystemMXBean system
              ? system.getTotalMemorySize()
              : Long.MAX_VALUE;
      limit = most;
    }
    if (bytes > most) {
      throw new TensorException(
          operation
              + " asked for "
              + size(bytes)
              + ", more than the "
              + size(most)
              + " of memory here; make the batch or the tensor smaller");
    }
  }

  /** A number of bytes for people: "3.2 GiB". */
  static String size(long bytes) {
    if (bytes < 1L << 20) {
      return bytes + " bytes";
    }
    return bytes < 1L << 30
        ? String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1L << 20))
        : String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
  }
}
