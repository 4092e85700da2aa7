package org.peltast.bench;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The benchmarks of single operators under JMH, in {@code bench/kernels} of a clone: a module that
 * is built on first use and is part of nothing else.
 *
 * @param home the clone
 */
public record KernelBenchmarks(Path home) {
  /** What a shell is told of a program that Ctrl-C ended: 128 + SIGINT. */
  private static final int INTERRUPTED = 130;

  /**
   * Builds them where they are out of date, and runs them in a JVM with the flags of this one.
   *
   * @param arguments of JMH
   * @return JMH's exit code
   * @throws BenchException if there is no clone, or they cannot be built or started
   */
  public int run(List<String> arguments) throws IOException {
    Path module = home.resolve("bench").resolve("kernels");
    if (!Files.exists(module.resolve("pom.xml"))) {
      throw new BenchException(
          module + " is not there; run from a clone of Peltast to measure its kernels.");
    }
    if (build() != 0) {
      throw new BenchException("the benchmarks of " + module + " could not be built with Maven.");
    }
    List<String> command = jmh(module.resolve("target"));
    command.addAll(arguments);
    return started(new ProcessBuilder(command));
  }

  /** Maven itself knows what is up to date. */
  private int build() {
    List<String> maven = new ArrayList<>(List.of("mvn", "-B", "-q", "-Pbench", "-pl"));
    maven.addAll(List.of("bench/kernels", "-am", "-Dmaven.test.skip=true"));
    maven.addAll(List.of("-Dspotless.check.skip=true", "package"));
    return started(new ProcessBuilder(maven).directory(home.toFile()));
  }

  private static List<String> jmh(Path target) throws IOException {
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
              .orElseThrow(() -> new BenchException("Maven left no jar in " + target + "."));
    }
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!flag.startsWith("-XX:SharedArchiveFile") && !flag.startsWith("-Dpeltast.")) {
        command.add(flag);
      }
    }
    String libraries = Files.readString(target.resolve("libraries.txt")).strip();
    command.addAll(
        List.of(
            "-cp", jar + File.pathSeparator + libraries, "org.peltast.bench.kernels.Benchmarks"));
    return command;
  }

  private static int started(ProcessBuilder builder) {
    try {
      return builder.inheritIO().start().waitFor();
    } catch (IOException e) {
      throw new BenchException(
          String.format(
              Locale.ROOT,
              "%s cannot be started (%s); the benchmarks need Maven and a JDK.",
              builder.command().get(0),
              e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return INTERRUPTED;
    }
  }
}
