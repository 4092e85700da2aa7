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

  /** What comes with the clone: the teacher, the student, the judge. */
  static Path shipped(String model) {
    return home().resolve("weights").resolve(model);
  }

  /** Where JavaCPP unpacks libtorch on first use. */
  static Path natives() {
    String chosen = System.getProperty("org.bytedeco.javacpp.cachedir");
    return chosen != null && !chosen.isEmpty()
        ? Path.of(chosen)
        : Path.of(System.getProperty("user.home"), ".javacpp", "cache");
  }
}
