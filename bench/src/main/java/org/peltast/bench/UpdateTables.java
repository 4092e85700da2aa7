package org.peltast.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.peltast.report.Formats;
import org.peltast.report.Table;

/** What benchmarks found, in rows. */
public final class UpdateTables {
  private UpdateTables() {}

  /**
   * A row for each shape. Peak memory is the process's, of all that it did: it says something of a
   * shape that was alone, and is left out of a row of others.
   */
  public static Table updates(List<UpdateSummary> summaries) {
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
  public static Table phases(UpdateSummary s) {
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
  public static Table ratios(List<AgainstPytorch.Ratio> ratios) {
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

  /** One update, a line for each figure. */
  public static List<String> lines(UpdateSummary s) {
    UpdateShape shape = s.shape();
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "shape",
            String.format(
                Locale.ROOT,
                "batch %d, dim %d, %d layers, %d + %d tokens, %d fake updates, %s weights a network",
                shape.batch(),
                shape.dim(),
                shape.layers(),
                shape.imageTokens(),
                shape.captionTokens(),
                shape.fakeUpdates(),
                Formats.count(s.parameters()))));
    rows.add(
        List.of(
            "computed in",
            String.format(
                Locale.ROOT,
                "%s, %d threads, by %s",
                s.precision().toString(),
                s.threads(),
                s.obstacleToFusing() == null
                    ? "fused kernels"
                    : "plain operators, because " + s.obstacleToFusing())));
    rows.add(
        List.of("update", number(s.updateSeconds(), 3) + " s (median of " + s.updates() + ")"));
    rows.add(
        List.of(
            "work",
            String.format(
                Locale.ROOT,
                "%s GFLOP, %d forward equivalents",
                number(s.gflop(), 1),
                s.forwardEquivalents())));
    rows.add(
        List.of(
            "rate",
            String.format(
                Locale.ROOT,
                "%s GFLOP/s, %s of the best product",
                number(s.gflops(), 1),
                percent(s.efficiency()))));
    rows.add(
        List.of(
            "best product",
            String.format(
                Locale.ROOT,
                "float32 %s, bf16 %s GFLOP/s",
                number(s.roofline().float32(), 1),
                number(s.roofline().bf16(), 1))));
    s.peakRss().ifPresent(bytes -> rows.add(List.of("peak memory", Formats.bytes(bytes))));
    s.parts()
        .forEach(
            (part, seconds) ->
                rows.add(
                    List.of(
                        "  " + part.name().toLowerCase(Locale.ROOT),
                        String.format(
                            Locale.ROOT,
                            "%s s, %s",
                            number(seconds, 3),
                            percent(seconds / s.updateSeconds())))));
    return Formats.columns(rows, false, false);
  }

  private static String number(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * share);
  }
}
