package org.peltast.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.peltast.bench.AgainstPytorch;
import org.peltast.bench.UpdateShape;
import org.peltast.bench.UpdateSummary;

/** What benchmarks found, in rows. */
final class BenchTables {
  private BenchTables() {}

  /**
   * A row for each shape. Peak memory is the process's, of all that it did: it says something of a
   * shape that was alone, and is left out of a row of others.
   */
  static Table updates(List<UpdateSummary> summaries) {
    boolean alone = summaries.size() == 1;
    List<List<String>> rows = new ArrayList<>();
    for (UpdateSummary s : summaries) {
      UpdateShape shape = s.shape();
      List<String> row =
          new ArrayList<>(
              List.of(
                  Integer.toString(shape.batch()),
                  Integer.toString(shape.dim()),
                  Integer.toString(shape.layers()),
                  shape.imageTokens() + " + " + shape.captionTokens(),
                  Integer.toString(shape.fakeUpdates()),
                  s.precision().toString(),
                  number(s.updateSeconds(), 3),
                  number(s.gflop(), 0),
                  number(s.gflops(), 0),
                  number(s.roofline().float32(), 0),
                  number(s.roofline().bf16(), 0),
                  percent(s.efficiency())));
      if (alone) {
        row.add(s.peakRss().isPresent() ? Long.toString(s.peakRss().getAsLong() / 1_000_000) : "?");
      }
      rows.add(row);
    }
    List<String> names =
        new ArrayList<>(
            List.of(
                "batch",
                "dim",
                "layers",
                "tokens",
                "fake",
                "precision",
                "update s",
                "GFLOP",
                "GFLOP/s",
                "best float32",
                "best bf16",
                "efficiency"));
    if (alone) {
      names.add("peak MB");
    }
    return new Table(names, rows);
  }

  /** Where an update's time goes. */
  static Table phases(UpdateSummary s) {
    List<List<String>> rows = new ArrayList<>();
    s.parts()
        .forEach(
            (part, seconds) ->
                rows.add(
                    List.of(
                        part.name().toLowerCase(Locale.ROOT),
                        number(seconds, 3),
                        percent(seconds / s.updateSeconds()))));
    return new Table(List.of("phase", "s", "of the update"), rows);
  }

  /** A row for each variant of PyTorch. */
  static Table ratios(List<AgainstPytorch.Ratio> ratios) {
    List<List<String>> rows = new ArrayList<>();
    for (AgainstPytorch.Ratio r : ratios) {
      rows.add(
          List.of(
              r.variant(),
              number(r.pytorchSeconds(), 3),
              number(r.peltastSeconds(), 3),
              number(r.ratio(), 2),
              Long.toString(r.peakRssMb())));
    }
    return new Table(
        List.of("PyTorch, in turns", "its update s", "ours s", "ours / its", "its peak MB"), rows);
  }

  static String number(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * share);
  }
}
