package org.peltast.compare;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Measure;
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
