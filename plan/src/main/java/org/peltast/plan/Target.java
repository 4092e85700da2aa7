package org.peltast.plan;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.runs.ByteSize;
import org.peltast.runs.RunException;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.HostMemory;
import org.peltast.training.Devices;
import org.peltast.training.UpdateOutline;

/**
 * What a run is planned for.
 *
 * @param device where networks lie
 * @param memory its bytes
 * @param threads that compute side by side
 */
public record Target(Device device, long memory, int threads) {
  /**
   * A machine, this one or another.
   *
   * @param name of the device: {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}; it need
   *     not be here
   * @param memory of the device; null for that of this machine
   * @throws RunException if it is a GPU, and its memory is not given
   */
  public static Target of(String name, @Nullable ByteSize memory) {
    Device device = name.equals("auto") ? Devices.of(name) : Device.parse(name);
    if (device.kind() == Device.Kind.CPU) {
      return new Target(device, memory == null ? host() : memory.bytes(), Engine.threads());
    }
    if (memory == null) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "a plan for %s needs to know its memory: say it with --memory, as 80GiB.",
              name));
    }
    return new Target(device, memory.bytes(), 1);
  }

  private static long host() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? system.getTotalMemorySize()
        : Long.MAX_VALUE;
  }

  /** Whether {@code auto} is the CPU on this machine. */
  static boolean isHostByDefault() {
    return Devices.of("auto").kind() == Device.Kind.CPU;
  }

  boolean isHost() {
    return device.kind() == Device.Kind.CPU;
  }

  /** The bytes of the process itself, where they share the device's memory. */
  long process() {
    return isHost() ? HostMemory.PROCESS : 0;
  }

  /**
   * How a batch is computed here.
   *
   * @param batch its items
   * @param parts micro-batches of each thread
   */
  UpdateOutline.Schedule schedule(int batch, int parts) {
    return new UpdateOutline.Schedule(Math.min(threads, batch), parts, device);
  }

  /** The most items that one thread computes at once. */
  int atOnce(int batch, int parts) {
    int share = ceil(batch, Math.min(threads, batch));
    return ceil(share, Math.min(parts, share));
  }

  /** In how many parts a thread computes its share of a batch if it takes so many items at once. */
  int parts(int batch, int items) {
    return ceil(ceil(batch, Math.min(threads, batch)), items);
  }

  private static int ceil(int a, int b) {
    return (a + b - 1) / b;
  }
}
