package org.peltast.tensor;

import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Refuses what the machine cannot hold before native code is asked for it: the system would promise
 * the memory and kill the process when it is touched.
 */
final class MemoryGuard {
  /** Below this nobody asks the system how much there is. */
  private static final long SMALL = 256L << 20;

  /** What one tensor may take; a test lowers it to see refusals without touching gigabytes. */
  private static volatile long small = SMALL;

  private static volatile long limit = -1;

  private MemoryGuard() {}

  /** For tests: refuses more than so many bytes, or (negative) what the machine cannot hold. */
  static void limitTo(long bytes) {
    small = bytes < 0 ? SMALL : bytes;
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
      throw new MemoryException(
          operation
              + " asked for "
              + size(bytes)
              + ", more than the "
              + size(most)
              + " of memory here; make the batch or the tensor smaller");
    }
  }

  /**
   * Checks that a Java array of so many elements can be had.
   *
   * @return its length
   */
  static int requireArray(String operation, long count, int elementBytes) {
    long most = Math.min(Runtime.getRuntime().maxMemory() / 2, Integer.MAX_VALUE - 16L);
    if (limit >= 0) {
      most = Math.min(most, limit);
    }
    if (count > most / elementBytes) {
      throw new MemoryException(
          operation
              + " asked for an array of "
              + size(count * elementBytes)
              + ", more than "
              + size(most)
              + " of the Java heap; narrow the tensor first");
    }
    return (int) count;
  }

  private static final Pattern REFUSED =
      Pattern.compile(
          "you tried to allocate (\\d+) bytes|Tried to allocate ([0-9.]+ .iB)|std::bad_alloc");

  /** How much native code could not get, if that is what its message says. */
  static @Nullable String refused(String message) {
    Matcher m = REFUSED.matcher(message);
    if (!m.find()) {
      return null;
    }
    if (m.group(1) != null) {
      return size(new BigInteger(m.group(1)).min(BigInteger.valueOf(Long.MAX_VALUE)).longValue());
    }
    return m.group(2) != null ? m.group(2) : "more memory";
  }

  /**
   * What to throw for an error of the Java heap or of JavaCPP's bookkeeping: where JavaCPP limits
   * memory, a sentence that names the flag which lifts the limit; else the error itself.
   */
  static MemoryException limited(String operation, OutOfMemoryError e) {
    List<String> flags = Engine.memoryLimits();
    String message = String.valueOf(e.getMessage());
    if (flags.isEmpty() || !LIMITED.matcher(message).find()) {
      throw e;
    }
    return new MemoryException(
        String.format(
            Locale.ROOT,
            "%s was refused memory by JavaCPP, which takes its limits from the Java heap; start Java with %s",
            operation,
            String.join(" ", flags)),
        e);
  }

  /** What JavaCPP says when a limit of its own is reached. */
  private static final Pattern LIMITED =
      Pattern.compile("[mM]emory usage is too high|within limits|maxPhysicalBytes|maxBytes");

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
