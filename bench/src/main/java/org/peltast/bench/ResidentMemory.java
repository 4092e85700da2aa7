package org.peltast.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** What the system says this process holds in memory; only Linux says it. */
final class ResidentMemory {
  private static final Path STATUS = Path.of("/proc/self/status");

  private ResidentMemory() {}

  /** Bytes held now. */
  static OptionalLong now() {
    return line("VmRSS:");
  }

  /** The most bytes held since the start, or since {@link #forgetPeak}. */
  static OptionalLong peak() {
    return line("VmHWM:");
  }

  /** Begins the peak anew, where the system lets a process do so. */
  static void forgetPeak() {
    Path refs = Path.of("/proc/self/clear_refs");
    if (Files.isWritable(refs)) {
      try {
        Files.writeString(refs, "5");
      } catch (IOException forbidden) {
        return; // then the peak is that of the whole process, which is what it is called
      }
    }
  }

  private static OptionalLong line(String name) {
    if (!Files.isReadable(STATUS)) {
      return OptionalLong.empty();
    }
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(l -> l.startsWith(name))
          .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) << 10)
          .findFirst();
    } catch (IOException gone) {
      return OptionalLong.empty();
    }
  }
}
