package org.peltast.tensor;

/** What a process holds of the host's memory beside its tensors; measured on Linux with glibc. */
public final class HostMemory {
  /** The JVM, libtorch and the heap of a run whose networks are next to nothing. */
  public static final long PROCESS = 700L << 20;

  private static final double RESERVE = 0.18;

  private HostMemory() {}

  /**
   * What the allocator keeps of what was freed, as a share of what operators hold at once: between
   * 0.08 and 0.31 was measured. The fused kernels use their memory again, and leave none.
   */
  public static double reserve(Device device, boolean fused) {
    return device.kind() == Device.Kind.CPU && !fused ? RESERVE : 0;
  }
}
