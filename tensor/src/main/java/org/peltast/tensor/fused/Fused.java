package org.peltast.tensor.fused;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Floats;

/** Whether this Java can run the kernels, and on what they can run. */
public final class Fused {
  private static final String MODULE = "jdk.incubator.vector";

  private Fused() {}

  /** Why the kernels cannot run in this process; null if they can. */
  public static @Nullable String obstacle() {
    int java = Runtime.version().feature();
    if (java > 18) {
      return "Java "
          + java
          + " moved its vectors out of byte buffers; Java 17 and 18 have them there";
    }
    if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
      return "Java was started without --add-modules " + MODULE;
    }
    return Lanes.WIDTH < 8 ? "vectors of " + Lanes.WIDTH + " floats are too short here" : null;
  }

  /** Floats a vector: what rows must be a multiple of. 1 where kernels cannot run. */
  public static int width() {
    return obstacle() == null ? Lanes.WIDTH : 1;
  }

  static void require(Floats memory, long count) {
    if (memory.count() != count) {
      throw new IllegalArgumentException(
          "a kernel was given " + memory + " where " + count + " numbers are needed");
    }
  }
}
