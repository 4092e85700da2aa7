package org.peltast.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;
import org.peltast.report.Table;
import org.peltast.runs.Progress;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;

/**
 * One block of each family at its published width, a forward and a forward and backward pass, alone
 * or in turns with diffusers' block in PyTorch.
 *
 * @param families some of {@link #FAMILIES}
 * @param precision of the products
 * @param edge of the square of tokens
 * @param rounds that are counted, after two that are not
 * @param python an interpreter with torch and diffusers; null to measure Peltast alone
 * @param script {@code bench/peer/block.py} of the clone
 */
public record BlockBenchmark(
    List<String> families,
    Precision precision,
    int edge,
    int rounds,
    @Nullable String python,
    Path script) {
  /** The families that have a block here. */
  public static final List<String> FAMILIES =
      Arrays.stream(FullWidthBlock.Kind.values()).map(FullWidthBlock.Kind::id).toList();

  private static final int WARM_UP = 2;

  /** Copies the lists. */
  public BlockBenchmark {
    families = List.copyOf(families);
  }

  /**
   * Medians of a pass.
   *
   * @param family of the block
   * @param pass "forward" or "forward + backward"
   * @param fused whether the fused kernels computed it
   * @param seconds of Peltast
   * @param pytorch seconds of PyTorch; null if it was not asked
   * @param ratio the median of the rounds' ratios, Peltast over PyTorch; null if it was not asked
   */
  public record Result(
      String family,
      Precision precision,
      String pass,
      boolean fused,
      double seconds,
      @Nullable Double pytorch,
      @Nullable Double ratio) {
    /** Everything by name, for JSON. */
    public Map<String, Object> toMap() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("family", family);
      map.put("precision", precision.toString());
      map.put("pass", pass);
      map.put("fused", fused);
      map.put("seconds", seconds);
      if (pytorch != null && ratio != null) {
        map.put("pytorchSeconds", pytorch);
        map.put("ratio", ratio);
      }
      return map;
    }
  }

  /** Measures all of them, one after the other. */
  public List<Result> measure(Progress progress) {
    List<Result> all = new ArrayList<>();
    int total = 2 * families.size();
    for (String family : families) {
      FullWidthBlock.Kind kind = FullWidthBlock.Kind.of(family);
      try (FullWidthBlock block = new FullWidthBlock(kind, edge, precision)) {
        all.add(measure(block, family, "forward", block::forward));
        progress.step(all.size(), total, Map.of());
        all.add(measure(block, family, "forward + backward", block::forwardAndBackward));
        progress.step(all.size(), total, Map.of());
      }
    }
    return all;
  }

  private Result measure(FullWidthBlock block, String family, String pass, DoubleSupplier own) {
    boolean fused = block.obstacleToFusion() == null;
    try (PytorchPeer peer = peer(family, pass)) {
      double[] ours = new double[rounds];
      double[] theirs = new double[rounds];
      double[] ratios = new double[rounds];
      for (int i = -WARM_UP; i < rounds; i++) {
        double mine = own.getAsDouble();
        double other = peer == null ? Double.NaN : peer.turn();
        if (i >= 0) {
          ours[i] = mine;
          theirs[i] = other;
          ratios[i] = mine / other;
        }
      }
      double seconds = UpdateSummary.median(ours);
      return peer == null
          ? new Result(family, precision, pass, fused, seconds, null, null)
          : new Result(
              family,
              precision,
              pass,
              fused,
              seconds,
              UpdateSummary.median(theirs),
              UpdateSummary.median(ratios));
    }
  }

  private @Nullable PytorchPeer peer(String family, String pass) {
    if (python == null) {
      return null;
    }
    String variant =
        String.join(
            "/", family, precision.toString(), pass.equals("forward") ? "forward" : "backward");
    return PytorchPeer.start(
        python,
        script,
        variant,
        Map.of("edge", edge, "threads", Engine.threads(), "warm-up", WARM_UP));
  }

  /** A row for each pass. */
  public static Table table(List<Result> results) {
    List<List<String>> rows = new ArrayList<>();
    for (Result r : results) {
      rows.add(
          List.of(
              r.family(),
              r.precision().toString(),
              r.pass(),
              r.fused() ? "fused" : "plain",
              number(r.seconds()),
              number(r.pytorch()),
              number(r.ratio())));
    }
    return new Table(
        List.of("block", "precision", "pass", "by", "ours s", "PyTorch s", "ours / its"), rows);
  }

  private static String number(@Nullable Double value) {
    return value == null ? "–" : String.format(Locale.ROOT, "%.3f", value);
  }
}
