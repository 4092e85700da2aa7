package org.peltast.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.bench.AgainstPytorch;
import org.peltast.bench.Machine;
import org.peltast.bench.MeasuredPage;
import org.peltast.bench.PerformancePage;
import org.peltast.tensor.Engine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "page",
    description = {
      "Measures everything that docs/performance.md shows, and writes the figures into it: the update and its phases, the curves of its cost, the shared machine, memory, and with --python PyTorch in turns.",
      "Each figure is written as soon as it is there. On two quiet cores it takes about an hour, most of it PyTorch's."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench page --python venv/bin/python",
      "  peltast bench page --only curves --updates 3",
      "  peltast bench page --python venv/bin/python --only pytorch --variant lean-eager-bf16"
    })
final class BenchPageCommand implements Callable<Integer> {
  /** What the page shows, in its order. */
  private enum Part {
    UPDATE,
    PYTORCH,
    CURVES,
    SHARED,
    MEMORY
  }

  @Mixin private UpdateOptions options;

  @Option(
      names = "--page",
      paramLabel = "FILE",
      description = "whose marked sections are replaced (default: the clone's docs/performance.md)")
  private @Nullable Path page;

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "PART",
      description = "these parts: ${COMPLETION-CANDIDATES} (default: all)")
  private List<Part> only = List.of(Part.values());

  @Option(
      names = "--python",
      paramLabel = "FILE",
      description = "a Python with torch and diffusers; without it that part stays as it is")
  private @Nullable String python;

  @Option(
      names = "--variant",
      paramLabel = "NAME",
      description = "a variant of PyTorch, as of `peltast bench step` (default: all eight)")
  private List<String> variants = AgainstPytorch.VARIANTS;

  @Option(
      names = "--updates",
      description = "counted updates of each figure (default: ${DEFAULT-VALUE})")
  private int updates = 5;

  @Option(names = "--soak", description = "updates of the soak (default: ${DEFAULT-VALUE})")
  private int soak = 10_000;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  BenchPageCommand() {}

  @Override
  public Integer call() throws IOException {
    if (updates < 1 || soak < 20) {
      throw new CommandException("--updates must be at least 1 and --soak at least 20.");
    }
    Path file = page == null ? Places.home().resolve("docs").resolve("performance.md") : page;
    MeasuredPage measured = new MeasuredPage(file);
    PerformancePage.require(measured);
    PerformancePage figures =
        new PerformancePage(measured, options.shape(), options.begin(), updates, Display::progress);
    figures.machine(machine());
    if (only.contains(Part.UPDATE)) {
      figures.update();
    }
    if (only.contains(Part.PYTORCH) && python != null) {
      figures.pytorch(python, Places.home().resolve("bench/peer/step.py"), variants);
    }
    if (only.contains(Part.CURVES)) {
      figures.curves();
    }
    if (only.contains(Part.SHARED)) {
      figures.shared();
    }
    if (only.contains(Part.MEMORY)) {
      figures.memory(soak);
    }
    Display.notice("written: " + file);
    return ExitCode.OK;
  }

  private static List<String> machine() {
    return List.of(
        "- processor: " + Machine.processor(),
        "- memory: " + Machine.installedMemory(),
        "- software: Java "
            + System.getProperty("java.version")
            + ", libtorch "
            + Engine.version()
            + ", oneDNN "
            + Engine.oneDnnVersion()
            + ", "
            + Engine.threads()
            + " threads an operation",
        "- measured: " + LocalDate.now(ZoneOffset.UTC));
  }
}
