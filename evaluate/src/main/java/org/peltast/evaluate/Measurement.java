package org.peltast.evaluate;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A set of pictures, measured: its {@link Scores}, and what {@linkplain #differences differences}
 * to other sets on the same prompts are computed from.
 */
public final class Measurement {
  private final List<Prompt> prompts;
  private final Scores scores;
  private final Map<Measure, Statistic> statistics;
  private final Bootstrap bootstrap;

  Measurement(
      List<Prompt> prompts,
      Scores scores,
      Map<Measure, Statistic> statistics,
      Bootstrap bootstrap) {
    this.prompts = List.copyOf(prompts);
    this.scores = scores;
    this.statistics = new EnumMap<>(statistics);
    this.bootstrap = bootstrap;
  }

  /** The figures. */
  public Scores scores() {
    return scores;
  }

  /**
   * A figure with its interval.
   *
   * @param value over all seeds, if there are several
   * @param interval 95 %, or null if there were too few pictures
   * @param seeds from seed to seed, or null if there is one
   */
  public record Estimate(double value, @Nullable Interval interval, @Nullable SeedSpread seeds) {}

  /**
   * The figures of a recipe that was run from several seeds: means, with intervals that hold for
   * other prompts and for other seeds. Both are added as variances; as the noise of single pictures
   * is in both, the intervals are rather too wide than too narrow.
   *
   * @param seeds one or more, on the same prompts
   */
  public static Map<Measure, Estimate> estimates(List<Measurement> seeds) {
    requireSamePrompts(seeds);
    Map<Measure, Estimate> all = new EnumMap<>(Measure.class);
    for (Measure measure : shared(seeds)) {
      Statistic mean = average(seeds, measure);
      SeedSpread spread = spread(seeds, measure);
      Interval interval = mean.interval(seeds.get(0).bootstrap);
      double half = spread == null ? 0 : spread.half();
      all.put(measure, new Estimate(mean.value(), widened(mean.value(), interval, half), spread));
    }
    return Collections.unmodifiableMap(all);
  }

  /**
   * The paired differences of two candidates: each prompt is compared with itself, so that what the
   * prompts have in common cancels. Means are resampled by prompts (a paired bootstrap); distances
   * have the intervals of {@link Statistic}. Several seeds of either widen the interval as in
   * {@link #estimates}, with the fewer degrees of freedom.
   *
   * @param ours one or more
   * @param theirs one or more
   * @return ours − theirs, for what was measured on all
   * @throws EvaluationException if the prompts are not the same
   */
  public static Map<Measure, Difference> differences(
      List<Measurement> ours, List<Measurement> theirs) {
    List<Measurement> both = new ArrayList<>(ours);
    both.addAll(theirs);
    requireSamePrompts(both);
    Map<Measure, Difference> all = new EnumMap<>(Measure.class);
    for (Measure measure : shared(both)) {
      Statistic difference = average(ours, measure).plus(average(theirs, measure), -1);
      Interval interval = difference.interval(both.get(0).bootstrap);
      double half = half(spread(ours, measure), spread(theirs, measure));
      all.put(
          measure,
          new Difference(measure, difference.value(), widened(difference.value(), interval, half)));
    }
    return Collections.unmodifiableMap(all);
  }

  /** Ours − theirs, one run each. */
  public Map<Measure, Difference> minus(Measurement theirs) {
    return differences(List.of(this), List.of(theirs));
  }

  private static double half(@Nullable SeedSpread a, @Nullable SeedSpread b) {
    if (a == null || b == null) {
      return a != null ? a.half() : b != null ? b.half() : 0;
    }
    int degrees = Math.min(a.seeds(), b.seeds()) - 1;
    return SeedSpread.quantile(degrees) * Math.hypot(a.error(), b.error());
  }

  private static @Nullable Interval widened(double value, @Nullable Interval interval, double by) {
    return interval == null || by == 0
        ? interval
        : new Interval(
            value - Math.hypot(value - interval.low(), by),
            value + Math.hypot(interval.high() - value, by));
  }

  private static Statistic average(List<Measurement> all, Measure measure) {
    return Statistic.average(all.stream().map(m -> m.statistic(measure)).toList());
  }

  private Statistic statistic(Measure measure) {
    return Objects.requireNonNull(statistics.get(measure));
  }

  private static @Nullable SeedSpread spread(List<Measurement> all, Measure measure) {
    return all.size() < 2
        ? null
        : SeedSpread.of(all.stream().map(m -> m.statistic(measure).value()).toList());
  }

  private static List<Measure> shared(List<Measurement> all) {
    return all.get(0).statistics.keySet().stream()
        .filter(measure -> all.stream().allMatch(m -> m.statistics.containsKey(measure)))
        .toList();
  }

  private static void requireSamePrompts(List<Measurement> all) {
    if (all.isEmpty()) {
      throw new EvaluationException(
          "There is nothing to compare: name one set of pictures or more.");
    }
    for (Measurement one : all) {
      if (!one.prompts.equals(all.get(0).prompts)) {
        throw new EvaluationException(
            "Only sets of pictures for the same prompts can be compared; measure both anew on the"
                + " same.");
      }
    }
  }

  /** The intervals by the names of {@code metrics.json}. */
  static Map<String, Interval> intervals(Map<Measure, Statistic> statistics, Bootstrap bootstrap) {
    Map<String, Interval> intervals = new LinkedHashMap<>();
    statistics.forEach(
        (measure, statistic) -> {
          Interval interval = statistic.interval(bootstrap);
          if (interval != null) {
            intervals.put(measure.key(), interval);
          }
        });
    return intervals;
  }
}
