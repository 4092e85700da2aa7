package org.peltast.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.peltast.cli.bench.StepBenchmark;
import org.peltast.cli.bench.UpdateShape;
import org.peltast.cli.bench.UpdateSummary;
import org.peltast.distill.run.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "step",
    description = {
      "Measures whole updates of Decoupled DMD: one rollout step, the generator's prediction, the teacher's three evaluations in one batch, the fake's, two fake updates on new rollouts, AdamW.",
      "Prints the median update, its work and rate, the machine's best matrix product in float32 and bfloat16, efficiency (rate over best product of the precision used), peak resident memory, and where the time goes. Work is counted at the networks' border: evaluations, not instructions."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench step",
      "  peltast bench step --batch 16 --dim 192 --updates 5 --json",
      "  peltast bench step --precision bf16 --threads 1"
    })
final class BenchStepCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private UpdateOptions options;

  @Option(names = "--updates", description = "updates that are counted (default: ${DEFAULT-VALUE})")
  private int updates = 10;

  @Option(
      names = "--warm-up",
      description = "updates before that, not counted (default: ${DEFAULT-VALUE})")
  private int warmUp = 3;

  @Option(names = "--json", description = "print one JSON object instead of a table")
  private boolean json;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  BenchStepCommand() {}

  @Override
  public Integer call() {
    if (updates < 1 || warmUp < 0) {
      throw new CommandException("--updates must be at least 1 and --warm-up not negative.");
    }
    UpdateShape shape = options.shape();
    StepBenchmark benchmark = new StepBenchmark(options.begin(), warmUp, updates);
    PrintWriter out = spec.commandLine().getOut();
    try (Progress progress = Display.progress("updates")) {
      UpdateSummary summary = benchmark.measure(shape, progress, () -> {});
      progress.close();
      if (json) {
        out.println(JsonMapper.builder().build().writeValueAsString(summary.toMap()));
      } else {
        lines(summary).forEach(out::println);
      }
    }
    out.flush();
    return ExitCode.OK;
  }

  private static List<String> lines(UpdateSummary s) {
    UpdateShape shape = s.shape();
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "shape",
            "batch %d, dim %d, %d layers, %d + %d tokens, %d fake updates, %s weights a network"
                .formatted(
                    shape.batch(),
                    shape.dim(),
                    shape.layers(),
                    shape.imageTokens(),
                    shape.captionTokens(),
                    shape.fakeUpdates(),
                    Text.count(s.parameters()))));
    rows.add(
        List.of(
            "computed in",
            "%s, %d threads"
                .formatted(s.precision().name().toLowerCase(Locale.ROOT), s.threads())));
    rows.add(
        List.of("update", number(s.updateSeconds(), 3) + " s (median of " + s.updates() + ")"));
    rows.add(
        List.of(
            "work",
            "%s GFLOP, %d forward equivalents"
                .formatted(number(s.gflop(), 1), s.forwardEquivalents())));
    rows.add(
        List.of(
            "rate",
            "%s GFLOP/s, %s of the best product"
                .formatted(number(s.gflops(), 1), percent(s.efficiency()))));
    rows.add(
        List.of(
            "best product",
            "float32 %s, bf16 %s GFLOP/s"
                .formatted(number(s.peak().float32(), 1), number(s.peak().bf16(), 1))));
    s.peakRss().ifPresent(bytes -> rows.add(List.of("peak memory", Text.bytes(bytes))));
    s.phases()
        .forEach(
            (phase, seconds) ->
                rows.add(
                    List.of(
                        "  " + phase.name().toLowerCase(Locale.ROOT),
                        "%s s, %s"
                            .formatted(number(seconds, 3), percent(seconds / s.updateSeconds())))));
    return Text.columns(rows, false, false);
  }

  private static String number(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", 100 * share);
  }
}
