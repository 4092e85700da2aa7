package org.peltast.cli;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.peltast.data.CacheFolder;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.peltast.report.Formats;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
import org.peltast.tensor.kernels.Fused;
import org.peltast.training.Origin;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "doctor",
    description = {
      "Says what this machine has, and what Peltast would choose on it.",
      "Precision is measured (about a second), not read off the processor's flags: some processors have bfloat16 instructions that are slower than float32's."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  peltast doctor", "  PELTAST_CACHE=/big/disk peltast doctor"})
final class DoctorCommand implements Callable<Integer> {
  /** Processor flags worth naming, in the order of what they bring. */
  private static final List<String> FLAGS =
      List.of("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve");

  /** Natives unpacked, corpus, features, a run with its checkpoints. */
  private static final long ROOM_NEEDED = 3L << 30;

  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli injects `spec` before it calls anything here
  DoctorCommand() {}

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    boolean well = true;

    line(out, "peltast", Origin.peltast());
    line(
        out,
        "java",
        String.format(
            Locale.ROOT,
            "%s, %s, heap up to %s",
            System.getProperty("java.version"),
            System.getProperty("java.vm.name"),
            Formats.bytes(Runtime.getRuntime().maxMemory())));
    line(
        out,
        "system",
        String.format(
            Locale.ROOT,
            "%s %s, %s",
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch")));
    line(out, "processor", processor());
    line(out, "memory", memory());

    Device device = Device.CPU;
    try {
      line(
          out,
          "libtorch",
          String.format(Locale.ROOT, "%s, %d threads", Engine.version(), Engine.threads()));
      line(out, "oneDNN", Engine.oneDnnVersion());
      boolean cuda = Engine.hasCuda();
      line(out, "gpu", gpu(cuda));
      device = cuda ? Device.cuda(0) : Device.CPU;
      boolean faster = Engine.prefersBfloat16(device);
      line(
          out,
          "bfloat16",
          device.kind() == Device.Kind.CUDA
              ? "supported by the GPU"
              : "measured: products are " + (faster ? "faster" : "not faster") + " than float32's");
      Precision chosen = Precision.auto(device);
      line(out, "choice", String.format(Locale.ROOT, "device %s, precision %s", device, chosen));
      blocks(out, device);
      List<String> missing = Engine.missingFlags();
      line(out, "flags", missing.isEmpty() ? "all that the engine wants" : missing.get(0));
      missing.stream().skip(1).forEach(sentence -> line(out, "", sentence));
    } catch (LinkageError failure) {
      well = false;
      line(out, "libtorch", "cannot be loaded: " + failure.getMessage());
      line(
          out,
          "",
          "natives exist for Linux, macOS and Windows on x86-64 and for macOS on arm64; delete "
              + Places.natives()
              + " if an unpacking was cut short");
    }

    well &= folder(out, "cache", CacheFolder.standard());
    well &= folder(out, "natives", Places.natives());
    well &= folder(out, "clone", Places.home());
    line(
        out,
        "waiting",
        "OMP_WAIT_POLICY="
            + System.getenv().getOrDefault("OMP_WAIT_POLICY", "unset, threads spin")
            + ", OPENBLAS_THREAD_TIMEOUT="
            + System.getenv().getOrDefault("OPENBLAS_THREAD_TIMEOUT", "unset, threads spin"));
    out.flush();
    return well ? ExitCode.OK : ExitCode.FAILED;
  }

  /** By what each family's blocks are computed in each precision: a recipe may insist on one. */
  private static void blocks(PrintWriter out, Device device) {
    String fused =
        String.format(
            Locale.ROOT, "fused kernels, where rows are whole vectors of %d floats", Fused.width());
    for (ModelFamily family : ModelFamilies.all()) {
      String name = "blocks";
      for (Precision precision : Precision.values()) {
        String obstacle = family.obstacleToFusion(device, precision);
        line(
            out,
            name,
            String.format(
                Locale.ROOT,
                "%s in %s: %s",
                family.id(),
                precision,
                obstacle == null
                    ? fused
                    : "plain operators, which take longer, because " + obstacle));
        name = "";
      }
    }
  }

  private static void line(PrintWriter out, String name, String value) {
    out.printf("%-10s %s%n", name, value);
    out.flush();
  }

  /** A folder, what is in it, and the room on its disk. False if it is of no use. */
  private static boolean folder(PrintWriter out, String name, Path folder) {
    Path existing = folder;
    while (!Files.isDirectory(existing) && existing.getParent() != null) {
      existing = existing.getParent();
    }
    try {
      long free = Files.getFileStore(existing).getUsableSpace();
      boolean writable = Files.isWritable(existing);
      String content =
          !existing.equals(folder)
              ? "not made yet"
              : name.equals("clone") ? "" : Formats.bytes(size(folder)) + " used";
      line(
          out,
          name,
          Stream.of(
                  folder.toString(),
                  content,
                  Formats.bytes(free)
                      + " free"
                      + (free < ROOM_NEEDED ? " (TOO LITTLE: a demo wants 3 GiB)" : ""),
                  writable ? "" : "NOT WRITABLE")
              .filter(s -> !s.isEmpty())
              .collect(Collectors.joining(", ")));
      return writable && free >= ROOM_NEEDED;
    } catch (IOException e) {
      line(out, name, folder + ", cannot be read: " + e.getMessage());
      return false;
    }
  }

  private static long size(Path folder) throws IOException {
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(Files::isRegularFile).mapToLong(p -> p.toFile().length()).sum();
    }
  }

  /** Model, cores, and the instructions that matter here. */
  static String processor() {
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
  static String installedMemory() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean os
        ? Formats.bytes(os.getTotalMemorySize())
        : "unknown";
  }

  private static String memory() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean os
        ? String.format(
            Locale.ROOT,
            "%s, %s free",
            Formats.bytes(os.getTotalMemorySize()),
            Formats.bytes(os.getFreeMemorySize()))
        : "unknown";
  }

  /** What libtorch can use, and what the driver says is there. */
  private static String gpu(boolean usable) {
    String cards = output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader");
    if (usable) {
      return cards.isEmpty() ? "usable" : cards + ", usable";
    }
    return cards.isEmpty()
        ? "none"
        : cards + ", but not usable: libtorch's GPU natives are not on the class path";
  }

  /** First line that a program prints; empty if there is no such program or it fails. */
  private static String output(String... program) {
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
