package org.peltast.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.bench.AgainstPytorch;
import org.peltast.bench.SharedMachine;
import org.peltast.bench.Soak;
import org.peltast.bench.StepBenchmark;
import org.peltast.bench.UpdateShape;
import org.peltast.bench.UpdateSummary;
import org.peltast.bench.WarmUp;
import org.peltast.runs.Progress;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;
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

  /** One axis at a time around the shape that is measured. */
  private static final List<String> CURVES =
      List.of(
          "batch=8,16,32,64",
          "dim=128,192,256,384",
          "tokens=16,64,144",
          "layers=2,4,6,10",
          "fake=0,1,2,5");

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
    measured.require(
        List.of("machine", "update", "phases", "pytorch", "curves", "shared", "memory"));
    UpdateShape shape = options.shape();
    Precision precision = options.begin();
    measured.put("machine", machine());
    if (only.contains(Part.UPDATE)) {
      UpdateSummary summary = measure(shape, precision);
      measured.put("update", BenchTables.updates(List.of(summary)).markdown());
      measured.put("phases", BenchTables.phases(summary).markdown());
    }
    if (only.contains(Part.PYTORCH) && python != null) {
      measured.put("pytorch", BenchTables.ratios(compare(python, shape, precision)).markdown());
    }
    if (only.contains(Part.CURVES)) {
      measured.put("curves", curves(shape, precision));
    }
    if (only.contains(Part.SHARED)) {
      try (Progress progress = Display.progress("updates, alone and shared in turns")) {
        measured.put(
            "shared",
            List.of(
                BenchSharedCommand.sentence(
                        SharedMachine.measure(
                            shape, precision, WarmUp.standard(), updates, 2, progress))
                    + "."));
      }
    }
    if (only.contains(Part.MEMORY)) {
      try (Progress progress = Display.progress("updates of the soak")) {
        Soak found = Soak.run(soak, precision, progress);
        List<String> lines = new ArrayList<>(BenchSoakCommand.table(found).markdown());
        lines.add("");
        lines.add(
            String.format(
                Locale.ROOT,
                "%s over %d updates in %s.",
                found.flat() ? "Flat" : "Growing",
                soak,
                precision));
        measured.put("memory", lines);
      }
    }
    Display.notice("written: " + file);
    return ExitCode.OK;
  }

  private UpdateSummary measure(UpdateShape shape, Precision precision) {
    try (Progress progress = Display.progress("updates")) {
      return new StepBenchmark(precision, WarmUp.standard(), updates)
          .measure(shape, progress, seconds -> {});
    }
  }

  private List<AgainstPytorch.Ratio> compare(String with, UpdateShape shape, Precision precision) {
    try (AgainstPytorch peers =
            new AgainstPytorch(
                with, Places.home().resolve("bench/peer/step.py"), variants, shape, 2, updates);
        Progress progress = Display.progress("updates, in turns with PyTorch")) {
      peers.begin();
      new StepBenchmark(precision, WarmUp.standard(), peers.updates())
          .measure(shape, progress, peers::turn);
      return peers.ratios();
    }
  }

  private List<String> curves(UpdateShape shape, Precision precision) {
    List<String> lines = new ArrayList<>();
    for (String sweep : CURVES) {
      List<UpdateSummary> summaries = new ArrayList<>();
      for (UpdateShape each : Sweeps.of(shape, List.of(sweep))) {
        summaries.add(measure(each, precision));
      }
      lines.add((lines.isEmpty() ? "" : "\n") + "By " + sweep.replaceAll("=.*", "") + ":\n");
      lines.addAll(BenchTables.updates(summaries).markdown());
    }
    return lines;
  }

  private static List<String> machine() {
    return List.of(
        "- processor: " + DoctorCommand.processor(),
        "- memory: " + DoctorCommand.installedMemory(),
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
