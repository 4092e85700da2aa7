package org.peltast.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Precision;

/**
 * What some updates come to.
 *
 * @param shape what was measured
 * @param precision of the products
 * @param obstacleToFusing why the blocks are computed by the plain operators; null if the fused
 *     kernels compute them
 * @param threads of one operation
 * @param parameters weights of one network
 * @param updates how many were counted, those of the warm-up left out
 * @param updateSeconds their median
 * @param gflop work of an update, in 1e9 operations
 * @param forwardEquivalents evaluations of the batch, one with gradient counted as three
 * @param roofline measured in the same process before and after
 * @param peakRss the most bytes resident, where the system says it
 * @param parts median seconds by part
 */
public record UpdateSummary(
    UpdateShape shape,
    Precision precision,
    @Nullable String obstacleToFusing,
    int threads,
    long parameters,
    int updates,
    double updateSeconds,
    double gflop,
    int forwardEquivalents,
    Roofline roofline,
    OptionalLong peakRss,
    Map<UpdatePart, Double> parts) {

  /** Sums up. */
  static UpdateSummary of(
      UpdateBenchmark benchmark,
      Precision precision,
      int threads,
      List<UpdateMeasurement> measured,
      Roofline roofline) {
    UpdateMeasurement last = measured.get(measured.size() - 1);
    Map<UpdatePart, Double> parts = new LinkedHashMap<>();
    for (UpdatePart part : UpdatePart.values()) {
      parts.put(
          part,
          median(measured.stream().mapToDouble(m -> m.parts().getOrDefault(part, 0.0)).toArray()));
    }
    return new UpdateSummary(
        benchmark.shape(),
        precision,
        benchmark.obstacleToFusing(),
        threads,
        benchmark.parameters(),
        measured.size(),
        median(measured.stream().mapToDouble(UpdateMeasurement::seconds).toArray()),
        last.gflop(),
        last.evaluations() + 3 * last.learningEvaluations(),
        roofline,
        ResidentMemory.peak(),
        parts);
  }

  /** The middle value; between two, their mean. */
  static double median(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    return n == 0
        ? Double.NaN
        : n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }

  /** Achieved rate, in 1e9 operations a second. */
  public double gflops() {
    return gflop / updateSeconds;
  }

  /** Achieved rate over the roofline of the precision used. */
  public double efficiency() {
    return gflops() / roofline.of(precision);
  }

  /** Everything by name, for JSON. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("batch", shape.batch());
    map.put("dim", shape.dim());
    map.put("layers", shape.layers());
    map.put("heads", shape.heads());
    map.put("tokens", shape.imageTokens());
    map.put("caption", shape.captionTokens());
    map.put("fake", shape.fakeUpdates());
    map.put("parameters", parameters);
    map.put("precision", precision.toString());
    map.put("blocks", obstacleToFusing() == null ? "fused" : "plain");
    map.put("threads", threads);
    map.put("updates", updates);
    map.put("updateSeconds", rounded(updateSeconds, 4));
    map.put("gflop", rounded(gflop, 1));
    map.put("forwardEquivalents", forwardEquivalents);
    map.put("gflops", rounded(gflops(), 1));
    map.put("peakGflops", rounded(roofline.of(precision), 1));
    map.put("peakFloat32Gflops", rounded(roofline.float32(), 1));
    map.put("peakBf16Gflops", rounded(roofline.bf16(), 1));
    map.put("efficiency", rounded(efficiency(), 3));
    map.put("efficiencyOfBest", rounded(gflops() / roofline.best(), 3));
    peakRss.ifPresent(bytes -> map.put("peakRssMb", Math.round(bytes / 1e6)));
    Map<String, Object> seconds = new LinkedHashMap<>();
    parts.forEach((p, s) -> seconds.put(p.name().toLowerCase(Locale.ROOT), rounded(s, 4)));
    map.put("phaseSeconds", seconds);
    return map;
  }

  private static double rounded(double value, int digits) {
    double unit = Math.pow(10, digits);
    return Math.round(value * unit) / unit;
  }
}
