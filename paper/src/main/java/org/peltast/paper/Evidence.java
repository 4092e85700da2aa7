package org.peltast.paper;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Measure;
import org.peltast.evaluate.Measurement;
import org.peltast.evaluate.SeedSpread;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The outcomes of runs, and what may be said of them: means with intervals over seeds, and findings
 * on checks. What the judge measures is measured again from the kept pictures, so that differences
 * are paired by prompt and by seed.
 */
final class Evidence {
  /** A mean over seeds; the interval is null where there is none. */
  record Estimate(double value, @Nullable Interval interval) {}

  private final Path runs;
  private final Map<String, Map<Long, Outcome>> outcomes = new LinkedHashMap<>();
  private final Map<String, Subject> subjects = new HashMap<>();
  private final Map<String, Measurement> measured = new HashMap<>();

  /** No outcomes yet; runs lie in a folder by their hash. */
  Evidence(Path runs) {
    this.runs = runs;
  }

  /** Adds what a run came to, and what it can be measured by. */
  void add(Job job, Outcome outcome, Subject subject) {
    outcomes
        .computeIfAbsent(name(job.experiment(), job.variant()), n -> new TreeMap<>())
        .put(outcome.seed(), outcome);
    subjects.put(outcome.key(), subject);
  }

  /** As in {@code claims.yaml}. */
  static String name(Experiment experiment, Experiment.Variant variant) {
    return experiment.id() + "/" + variant.name();
  }

  /** What a run came to, by seed. */
  Map<Long, Outcome> of(String run) {
    return outcomes.getOrDefault(run, Map.of());
  }

  /** The folder of a run. */
  Path folder(Outcome outcome) {
    return runs.resolve(outcome.key());
  }

  /** The pictures of the test prompts at a moment of a run, in the caller's scope. */
  Tensor pictures(Outcome outcome, Claims.At at) {
    Subject subject = subject(outcome);
    int edge = subject.teacher().defaults().height();
    return PictureSheet.read(
        Outcome.testFile(folder(outcome), at, false), subject.captions(false).size(), edge, edge);
  }

  /** Alignment by family of a finished run's pictures. */
  Map<String, Double> alignmentByFamily(Outcome outcome) {
    return subject(outcome).alignmentByFamily(pictures(outcome, Claims.At.END));
  }

  private Subject subject(Outcome outcome) {
    Subject subject = subjects.get(outcome.key());
    if (subject == null) {
      throw new IllegalStateException("nothing is known of the run " + outcome.key());
    }
    return subject;
  }

  /** A run at a moment, measured on test prompts. */
  Measurement measurement(Outcome outcome, Claims.At at) {
    return measured.computeIfAbsent(
        outcome.key() + " " + at,
        key -> {
          Subject subject = subject(outcome);
          int edge = subject.teacher().defaults().height();
          try (Scope scope = Scope.open()) {
            return subject.measureTest(
                pictures(outcome, at),
                PictureSheet.read(
                    Outcome.testFile(folder(outcome), at, true),
                    subject.again().size(),
                    edge,
                    edge));
          }
        });
  }

  /** A measure of a run at a moment, over its seeds; empty if it was not measured on all. */
  Optional<Estimate> estimate(String run, Claims.At at, String measure) {
    List<Outcome> all = List.copyOf(of(run).values());
    List<Double> values = all.stream().map(o -> o.of(measure, at)).toList();
    if (values.isEmpty() || values.stream().anyMatch(v -> v.isNaN())) {
      return Optional.empty();
    }
    Measure judged = Measure.ofKey(measure).orElse(null);
    if (judged != null) {
      Measurement.Estimate estimate =
          Measurement.estimates(all.stream().map(o -> measurement(o, at)).toList()).get(judged);
      if (estimate != null) {
        return Optional.of(new Estimate(estimate.value(), estimate.interval()));
      }
    }
    double mean = values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    return Optional.of(
        new Estimate(mean, values.size() < 2 ? null : SeedSpread.of(values).interval()));
  }

  /** What was found of a claim over the seeds that all of its runs are there for. */
  Verdict judge(Claims.Claim claim) {
    List<Long> seeds = new ArrayList<>(claim.seeds());
    for (Claims.Check check : claim.checks()) {
      seeds.removeIf(seed -> !of(check.run()).containsKey(seed));
      String against = check.against();
      if (against != null) {
        seeds.removeIf(seed -> !of(against).containsKey(seed));
      }
    }
    return new Verdict(
        claim, seeds, claim.checks().stream().map(check -> find(check, seeds)).toList());
  }

  private Verdict.Finding find(Claims.Check check, List<Long> seeds) {
    Measure judged = check.isRatio() ? null : Measure.ofKey(check.measure()).orElse(null);
    String against = check.against();
    if (judged != null && against != null) {
      List<Difference> differences = new ArrayList<>();
      for (long seed : seeds) {
        Difference difference =
            Measurement.differences(
                    List.of(measurement(outcome(check.run(), seed), check.at())),
                    List.of(measurement(outcome(against, seed), check.otherAt())))
                .get(judged);
        if (difference == null) {
          return Verdict.judge(check, List.of());
        }
        differences.add(difference);
      }
      return Verdict.judge(check, differences);
    }
    List<Double> own = new ArrayList<>();
    List<Double> others = new ArrayList<>();
    for (long seed : seeds) {
      own.add(outcome(check.run(), seed).of(check.measure(), check.at()));
      if (against != null) {
        others.add(outcome(against, seed).of(check.measure(), check.otherAt()));
      }
    }
    return Verdict.judge(check, own, others);
  }

  private Outcome outcome(String run, long seed) {
    Outcome outcome = of(run).get(seed);
    if (outcome == null) {
      throw new IllegalStateException("there is no run " + run + " with seed " + seed);
    }
    return outcome;
  }
}
