package org.peltast.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
    Path home = Places.home();
    Path module = home.resolve("bench").resolve("kernels");
    if (!Files.exists(module.resolve("pom.xml"))) {
      throw new CommandException(
          module + " is not there; run from a clone of Peltast to measure its kernels.");
    }
    int built = build(home);
    if (built != 0) {
      throw new CommandException("the benchmarks of " + module + " could not be built with Maven.");
    }
    return run(jmh(module));
  }

  /** Maven itself knows what is up to date. */
  private static int build(Path home) {
    List<String> maven = new ArrayList<>(List.of("mvn", "-B", "-q", "-Pbench", "-pl"));
    maven.addAll(List.of("bench/kernels", "-am", "-Dmaven.test.skip=true"));
    maven.addAll(List.of("-Dspotless.check.skip=true", "package"));
    return run(new ProcessBuilder(maven).directory(home.toFile()));
  }

  /** In JVMs with the flags of this one. */
  private ProcessBuilder jmh(Path module) throws IOException {
    Path target = module.resolve("target");
    String jar;
    try (Stream<Path> files = Files.list(target)) {
      jar =
          files
              .map(Path::toString)
              .filter(
                  f ->
                      f.endsWith(".jar")
                          && !f.endsWith("-sources.jar")
                          && !f.endsWith("-javadoc.jar"))
              .findFirst()
              .orElseThrow(() -> new CommandException("Maven left no jar in " + target + "."));
    }
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!flag.startsWith("-XX:SharedArchiveFile") && !flag.startsWith("-Dpeltast.")) {
        command.add(flag);
      }
    }
    command.addAll(
        List.of(
            "-cp",
            jar + java.io.File.pathSeparator + classPath(target),
            "org.peltast.bench.kernels.Benchmarks"));
    if (!only.isEmpty()) {
      command.addAll(List.of("-p", "operator=" + String.join(",", only).toUpperCase(Locale.ROOT)));
    }
    if (precision != null) {
      command.addAll(List.of("-p", "precision=" + precision));
    }
    if (quick) {
      command.addAll(List.of("-wi", "0", "-i", "1", "-r", "100ms"));
    }
    if (json != null) {
      command.addAll(List.of("-rf", "json", "-rff", json.toString()));
    }
    return new ProcessBuilder(command);
  }

  private static String classPath(Path target) throws IOException {
    return Files.readString(target.resolve("libraries.txt")).strip();
  }

  private static int run(ProcessBuilder builder) {
    String program = builder.command().get(0);
    try {
      return builder.inheritIO().start().waitFor();
    } catch (IOException e) {
      throw new CommandException(
          String.format(
              Locale.ROOT,
              "%s cannot be started (%s); the benchmarks need Maven and a JDK.",
              program,
              e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return ExitCode.INTERRUPTED;
    }
  }
}
