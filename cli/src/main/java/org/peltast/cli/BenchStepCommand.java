package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.bench.AgainstPytorch;
import org.peltast.bench.StepBenchmark;
import org.peltast.bench.Sweeps;
import org.peltast.bench.UpdateShape;
import org.peltast.bench.UpdateSummary;
import org.peltast.bench.UpdateTables;
import org.peltast.bench.WarmUp;
import org.peltast.runs.Progress;
import org.peltast.tensor.Precision;
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
      "Prints the median update, its work and rate, the machine's best matrix product in float32 and bfloat16, efficiency (rate over best product of the precision used), peak resident memory, and where the time goes. Work is counted at the networks' border: evaluations, not instructions.",
      "--against-pytorch runs the same update in PyTorch (bench/peer/step.py; needs torch and diffusers from PyPI) in turns with Peltast's and prints ratios, Peltast over PyTorch: below 1 Peltast is faster."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench step",
      "  peltast bench step --batch 16 --dim 192 --updates 5 --json",
      "  peltast bench step --precision bf16 --threads 1",
      "  peltast bench step --sweep batch=8,16,32,64 --csv batch.csv",
      "  peltast bench step --against-pytorch --python venv/bin/python",
      "  peltast bench step --against-pytorch --variant lean-eager-bf16 --updates 5"
    })
final class BenchStepCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private UpdateOptions options;

  @Option(names = "--updates", description = "updates that are counted (default: ${DEFAULT-VALUE})")
  private int updates = 10;

  @Option(
      names = "--warm-up",
      paramLabel = "UPDATES",
      description = "before that, not counted (default: 3, and 10 seconds at least)")
  private @Nullable Integer warmUp;

  @Option(
      names = "--sweep",
      paramLabel = "AXIS=N,N,...",
      description =
          "measure these shapes instead of one: batch, dim, layers, tokens, caption or fake; may be given several times")
  private List<String> sweeps = List.of();

  @Option(names = "--json", description = "print a JSON object a shape instead of a table")
  private boolean json;

  @Option(names = "--markdown", description = "print tables of Markdown")
  private boolean markdown;

  @Option(names = "--csv", paramLabel = "FILE", description = "write a row a shape there too")
  private @Nullable Path csv;

  @Option(
      names = "--against-pytorch",
      description = "compare with PyTorch, taking turns; --updates is for each variant then")
  private boolean againstPytorch;

  @Option(
      names = "--python",
      paramLabel = "FILE",
      description = "a Python with torch and diffusers (default: ${DEFAULT-VALUE})")
  private String python = "python3";

  @Option(
      names = "--variant",
      paramLabel = "NAME",
      description =
          "a variant of PyTorch, as (diffusers|lean)-(eager|compiled)-(bf16|float32); may be given several times (default: all eight; compiling takes minutes)")
  private List<String> variants = List.of();

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  BenchStepCommand() {}

  @Override
  public Integer call() throws IOException {
    if (updates < 1 || (warmUp != null && warmUp < 0)) {
      throw new CommandException("--updates must be at least 1 and --warm-up not negative.");
    }
    for (String variant : variants) {
      if (!AgainstPytorch.VARIANTS.contains(variant)) {
        throw new CommandException(
            String.format(
                Locale.ROOT,
                "--variant must be one of %s, not %s.",
                String.join(", ", AgainstPytorch.VARIANTS),
                variant));
      }
    }
    UpdateShape shape = options.shape();
    List<UpdateShape> shapes = sweeps.isEmpty() ? List.of(shape) : Sweeps.of(shape, sweeps);
    if (againstPytorch && shapes.size() > 1) {
      throw new CommandException("--against-pytorch compares one shape; leave out --sweep.");
    }
    Precision precision = options.begin();
    if (againstPytorch) {
      compare(shape, precision);
    } else {
      StepBenchmark benchmark = new StepBenchmark(precision, warmUp(), updates);
      List<UpdateSummary> summaries = new ArrayList<>();
      for (UpdateShape each : shapes) {
        try (Progress progress = Display.progress("updates")) {
          summaries.add(benchmark.measure(each, progress, seconds -> {}));
        }
      }
      show(summaries, List.of());
    }
    return ExitCode.OK;
  }

  private WarmUp warmUp() {
    return warmUp == null ? WarmUp.standard() : WarmUp.of(warmUp);
  }

  private void compare(UpdateShape shape, Precision precision) throws IOException {
    try (AgainstPytorch peers =
            new AgainstPytorch(
                python,
                Places.home().resolve("bench/peer/step.py"),
                variants.isEmpty() ? AgainstPytorch.VARIANTS : variants,
                shape,
                Math.max(1, warmUp().updates()),
                updates);
        Progress progress = Display.progress("updates, in turns with PyTorch")) {
      peers.begin();
      StepBenchmark benchmark = new StepBenchmark(precision, warmUp(), peers.updates());
      UpdateSummary summary = benchmark.measure(shape, progress, peers::turn);
      show(List.of(summary), peers.ratios());
    }
  }

  private void show(List<UpdateSummary> summaries, List<AgainstPytorch.Ratio> ratios)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      for (UpdateSummary summary : summaries) {
        Map<String, Object> all = summary.toMap();
        if (!ratios.isEmpty()) {
          all.put("againstPytorch", ratios.stream().map(AgainstPytorch.Ratio::toMap).toList());
        }
        out.println(JsonMapper.builder().build().writeValueAsString(all));
      }
    } else if (markdown) {
      UpdateTables.updates(summaries).markdown().forEach(out::println);
      if (!ratios.isEmpty()) {
        out.println();
        UpdateTables.ratios(ratios).markdown().forEach(out::println);
      }
    } else {
      if (summaries.size() == 1) {
        UpdateTables.lines(summaries.get(0)).forEach(out::println);
      } else {
        UpdateTables.updates(summaries).text().forEach(out::println);
      }
      if (!ratios.isEmpty()) {
        out.println();
        UpdateTables.ratios(ratios).text().forEach(out::println);
      }
    }
    out.flush();
    if (csv != null) {
      Files.write(csv, UpdateTables.updates(summaries).csv());
    }
  }
}
