package org.peltast.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.peltast.report.Formats;

/** The machine that measures, as it says of itself. */
public final class Machine {
  /** Processor flags worth naming, in the order of what they bring. */
  private static final List<String> FLAGS =
      List.of("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve");

  private Machine() {}

  /** Model, cores, and the instructions that matter here. */
  public static String processor() {
    String model = "unknown model";
    String flags = "";
    Path cpuinfo = Path.of("/proc/cpuinfo");
    if (Files.isReadable(cpuinfo)) {
      try (Stream<String> lines = Files.lines(cpuinfo)) {
        for (String line : (Iterable<String>) lines::iterator) {
          if (line.startsWith("model name")) {
            model = line.substring(line.indexOf(':') + 1).strip();
          } else if (line.startsWith("flags") || line.startsWith("Features")) {
            Set<String> has = Set.copyOf(Arrays.asList(line.split("\\s+")));
            flags = FLAGS.stream().filter(has::contains).collect(Collectors.joining(" "));
            break;
          }
        }
      } catch (IOException | java.io.UncheckedIOException e) {
        model = "unknown model (" + e.getMessage() + ")";
      }
    } else if (System.getProperty("os.name").startsWith("Mac")) {
      model = output("sysctl", "-n", "machdep.cpu.brand_string");
    }
    int cores = Runtime.getRuntime().availableProcessors();
    return String.format(
        Locale.ROOT,
        "%s, %d core%s%s",
        model,
        cores,
        cores == 1 ? "" : "s",
        flags.isEmpty() ? "" : " (" + flags + ")");
  }

  /** What the machine has. */
  public static String installedMemory() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean os
        ? Formats.bytes(os.getTotalMemorySize())
        : "unknown";
  }

  /** What it has, and what of it is free. */
  public static String memory() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean os
        ? String.format(
            Locale.ROOT,
            "%s, %s free",
            Formats.bytes(os.getTotalMemorySize()),
            Formats.bytes(os.getFreeMemorySize()))
        : "unknown";
  }

  /**
   * The GPUs that the driver says are there.
   *
   * @param usable whether libtorch can use one
   */
  public static String gpu(boolean usable) {
    String cards = output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader");
    if (usable) {
      return cards.isEmpty() ? "usable" : cards + ", usable";
    }
    return cards.isEmpty()
        ? "none"
        : cards + ", but not usable: libtorch's GPU natives are not on the class path";
  }

  /** What a program prints, its lines joined; empty if there is no such program or it fails. */
  public static String output(String... program) {
    try {
      Process process =
          new ProcessBuilder(program).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      process.getOutputStream().close();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0
          ? text.strip().replace("\n", "; ")
          : "";
    } catch (IOException notThere) {
      return "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }
}
