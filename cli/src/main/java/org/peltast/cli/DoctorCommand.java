package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.peltast.bench.Machine;
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
    line(out, "processor", Machine.processor());
    line(out, "memory", Machine.memory());

    Device device = Device.CPU;
    try {
      line(
          out,
          "libtorch",
          String.format(Locale.ROOT, "%s, %d threads", Engine.version(), Engine.threads()));
      line(out, "oneDNN", Engine.oneDnnVersion());
      boolean cuda = Engine.hasCuda();
      line(out, "gpu", Machine.gpu(cuda));
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
}
