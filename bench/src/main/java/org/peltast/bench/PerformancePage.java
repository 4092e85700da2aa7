package org.peltast.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.peltast.report.Table;
import org.peltast.runs.Progress;
import org.peltast.tensor.Precision;

/**
 * The page of documentation with all figures of performance: each section is measured, and written
 * as soon as it is there.
 */
public final class PerformancePage {
  /** One axis at a time around the shape that is measured. */
  private static final List<String> CURVES =
      List.of(
          "batch=8,16,32,64",
          "dim=128,192,256,384",
          "tokens=16,64,144",
          "layers=2,4,6,10",
          "fake=0,1,2,5");

  private static final int BUSY = 2; // processes beside the update
  private static final int PYTORCH_WARM_UP = 2; // updates

  private final MeasuredPage page;
  private final UpdateShape shape;
  private final Precision precision;
  private final int updates;
  private final Function<String, Progress> progress;

  /**
   * A page.
   *
   * @param page whose sections are replaced
   * @param shape of the update that is measured
   * @param updates counted updates of each figure
   * @param progress shows a task of that title
   */
  public PerformancePage(
      MeasuredPage page,
      UpdateShape shape,
      Precision precision,
      int updates,
      Function<String, Progress> progress) {
    this.page = page;
    this.shape = shape;
    this.precision = precision;
    this.updates = updates;
    this.progress = progress;
  }

  /**
   * Checks that every section is there, before minutes are spent on measuring.
   *
   * @throws BenchException if one is missing
   */
  public static void require(MeasuredPage page) throws IOException {
    page.require(List.of("machine", "update", "phases", "pytorch", "curves", "shared", "memory"));
  }

  /** Writes what it is measured on. */
  public void machine(List<String> lines) throws IOException {
    page.put("machine", lines);
  }

  /** The update and its phases. */
  public void update() throws IOException {
    UpdateSummary summary = measure(shape);
    page.put("update", UpdateTables.updates(List.of(summary)).markdown());
    page.put("phases", UpdateTables.phases(summary).markdown());
  }

  /**
   * The same update in PyTorch, in turns.
   *
   * @param python with torch and diffusers
   * @param script {@code step.py}
   */
  public void pytorch(String python, Path script, List<String> variants) throws IOException {
    try (AgainstPytorch peers =
            new AgainstPytorch(python, script, variants, shape, PYTORCH_WARM_UP, updates);
        Progress shown = progress.apply("updates, in turns with PyTorch")) {
      peers.begin();
      new StepBenchmark(precision, WarmUp.standard(), peers.updates())
          .measure(shape, shown, peers::turn);
      page.put("pytorch", UpdateTables.ratios(peers.ratios()).markdown());
    }
  }

  /** The cost by each axis of the shape. */
  public void curves() throws IOException {
    List<String> lines = new ArrayList<>();
    for (String sweep : CURVES) {
      List<UpdateSummary> summaries = new ArrayList<>();
      for (UpdateShape each : Sweeps.of(shape, List.of(sweep))) {
        summaries.add(measure(each));
      }
      lines.add((lines.isEmpty() ? "" : "\n") + "By " + sweep.replaceAll("=.*", "") + ":\n");
      lines.addAll(UpdateTables.updates(summaries).markdown());
    }
    page.put("curves", lines);
  }

  /** The update beside busy processes. */
  public void shared() throws IOException {
    try (Progress shown = progress.apply("updates, alone and shared in turns")) {
      SharedMachine found =
          SharedMachine.measure(shape, precision, WarmUp.standard(), updates, BUSY, shown);
      page.put("shared", List.of(found.sentence() + "."));
    }
  }

  /** Memory over many updates. */
  public void memory(int soak) throws IOException {
    try (Progress shown = progress.apply("updates of the soak")) {
      Soak found = Soak.run(soak, precision, shown);
      Table table = found.table();
      List<String> lines = new ArrayList<>(table.markdown());
      lines.add("");
      lines.add(
          String.format(
              Locale.ROOT,
              "%s over %d updates in %s.",
              found.flat() ? "Flat" : "Growing",
              soak,
              precision));
      page.put("memory", lines);
    }
  }

  private UpdateSummary measure(UpdateShape each) {
    try (Progress shown = progress.apply("updates")) {
      return new StepBenchmark(precision, WarmUp.standard(), updates)
          .measure(each, shown, seconds -> {});
    }
  }
}
