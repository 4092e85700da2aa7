package org.peltast.compare;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Measure;
import org.peltast.evaluate.SeedSpread;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Paired differences of two candidates in {@code metrics.json}, and what may be said of them. */
public final class Differences {
  private Differences() {}

  /** {@code {"alignment": {"value": …, "low": …, "high": …, "verdict": "worse"}, …}}. */
  public static ObjectNode toJson(Collection<Difference> differences) {
    ObjectNode json = JsonMapper.builder().build().createObjectNode();
    for (Difference difference : differences) {
      ObjectNode one = json.putObject(difference.measure().key());
      one.put("value", difference.value());
      Interval interval = difference.interval();
      if (interval != null) {
        one.put("low", interval.low());
        one.put("high", interval.high());
      }
      one.put("verdict", difference.verdict().words());
    }
    return json;
  }

  /** What {@link #toJson} wrote; what is not known any more is left out. */
  public static List<Difference> read(JsonNode json) {
    List<Difference> all = new ArrayList<>();
    for (var entry : json.properties()) {
      JsonNode one = entry.getValue();
      Measure.ofKey(entry.getKey())
          .ifPresent(
              measure ->
                  all.add(
                      new Difference(
                          measure,
                          one.path("value").asDouble(Double.NaN),
                          one.path("low").isNumber()
                              ? new Interval(
                                  one.path("low").asDouble(), one.path("high").asDouble())
                              : null)));
    }
    return all;
  }

  /**
   * The mean of one difference over runs from several seeds, as it holds for other seeds and other
   * prompts: Student's t over the seeds and the runs' own intervals, added as variances.
   *
   * @param runs the same measure, two or more
   */
  public static Difference overSeeds(List<Difference> runs) {
    SeedSpread spread = SeedSpread.of(runs.stream().map(Difference::value).toList());
    double prompts = 0; // half the width, on average
    for (Difference run : runs) {
      Interval interval = run.interval();
      if (interval == null) {
        return new Difference(run.measure(), spread.mean(), null);
      }
      prompts += (interval.high() - interval.low()) / 2 / runs.size();
    }
    double half = Math.hypot(spread.interval().high() - spread.mean(), prompts);
    return new Difference(
        runs.get(0).measure(),
        spread.mean(),
        new Interval(spread.mean() - half, spread.mean() + half));
  }

  /** "Fréchet distance, bias-free +0.15 [0.10, 0.20]: worse". */
  public static String words(Difference difference) {
    Measure measure = difference.measure();
    Interval interval = difference.interval();
    return measure.title()
        + " "
        + signed(difference.value() * measure.unit())
        + (interval == null
            ? ""
            : String.format(
                Locale.ROOT,
                " [%s, %s]",
                signed(interval.low() * measure.unit()),
                signed(interval.high() * measure.unit())))
        + ": "
        + difference.verdict().words();
  }

  private static String signed(double value) {
    return String.format(Locale.ROOT, Math.abs(value) >= 10 ? "%+.1f" : "%+.3f", value);
  }
}
