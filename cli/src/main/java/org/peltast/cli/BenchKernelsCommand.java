package org.peltast.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.bench.KernelBenchmarks;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "kernels",
    description = {
      "Measures operators and kernels one by one with JMH: linear, norm, rotary positions, attention, SwiGLU, and fused kernels beside what they replace; forward alone and with the backward pass, in float32 and bfloat16, in milliseconds.",
      "Its module, bench/kernels, is built on first use with Maven, and is part of no other command."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench kernels",
      "  peltast bench kernels --only norm,fused_norm --precision float32",
      "  peltast bench kernels --quick --json kernels.json"
    })
final class BenchKernelsCommand implements Callable<Integer> {
  @Option(
      names = "--only",
      split = ",",
      paramLabel = "NAME",
      description = "these operators, as in --only linear,norm (default: all)")
  private List<String> only = List.of();

  @Option(
      names = "--precision",
      paramLabel = "NAME",
      description = "float32 or bf16 (default: both)")
  private @Nullable String precision;

  @Option(names = "--quick", description = "one short iteration of each: to see that they run")
  private boolean quick;

  @Option(names = "--json", paramLabel = "FILE", description = "write JMH's result there too")
  private @Nullable Path json;

  @SuppressWarnings("NullAway.Init") // picocli fills the fields before it calls anything here
  BenchKernelsCommand() {}

  @Override
  public Integer call() throws IOException {
    if (precision != null) {
      Precision.parse(precision, Device.CPU); // said now, not once for each operator after a build
    }
    List<String> arguments = new ArrayList<>();
    if (!only.isEmpty()) {
      arguments.addAll(
          List.of("-p", "operator=" + String.join(",", only).toUpperCase(Locale.ROOT)));
    }
    if (precision != null) {
      arguments.addAll(List.of("-p", "precision=" + precision));
    }
    if (quick) {
      arguments.addAll(List.of("-wi", "0", "-i", "1", "-r", "100ms"));
    }
    if (json != null) {
      arguments.addAll(List.of("-rf", "json", "-rff", json.toString()));
    }
    return new KernelBenchmarks(Places.home()).run(arguments);
  }
}
