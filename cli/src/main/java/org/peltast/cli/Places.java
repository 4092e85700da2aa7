package org.peltast.cli;

import java.nio.file.Path;

/** The folders that Peltast reads and fills besides those it is told. */
final class Places {
  private Places() {}

  /**
   * The clone: where recipes and shipped models are. The launcher says it; else the folder here.
   */
  static Path home() {
    return Path.of(System.getProperty("peltast.home", "")).toAbsolutePath().normalize();
  }

  /**
   * Where prepared data and text features are kept between runs: {@code PELTAST_CACHE}, or {@code
   * peltast} in the user's folder of caches. May be deleted at any time.
   */
  static Path cache() {
    String chosen = System.getenv("PELTAST_CACHE");
    if (chosen != null && !chosen.isBlank()) {
      return Path.of(chosen).toAbsolutePath().normalize();
    }
    String caches = System.getenv("XDG_CACHE_HOME");
    return caches != null && Path.of(caches).isAbsolute()
        ? Path.of(caches, "peltast")
        : Path.of(System.getProperty("user.home"), ".cache", "peltast");
  }

  /** Where JavaCPP unpacks libtorch on first use. */
  static Path natives() {
    String chosen = System.getProperty("org.bytedeco.javacpp.cachedir");
    return chosen != null && !chosen.isEmpty()
        ? Path.of(chosen)
        : Path.of(System.getProperty("user.home"), ".javacpp", "cache");
  }
}
