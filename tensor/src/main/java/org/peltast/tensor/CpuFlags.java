package org.peltast.tensor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/** The instruction sets that Linux says the processor has; empty elsewhere. */
final class CpuFlags {
  private static final Set<String> FLAGS = read();

  private CpuFlags() {}

  static boolean has(String flag) {
    return FLAGS.contains(flag);
  }

  private static Set<String> read() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"), StandardCharsets.UTF_8)) {
        if (line.startsWith("flags")) {
          return Set.copyOf(
              java.util.Arrays.asList(line.substring(line.indexOf(':') + 1).trim().split(" +")));
        }
      }
    } catch (IOException e) {
      // No such file: another operating system, where nothing is assumed.
    }
    return Set.of();
  }
}
