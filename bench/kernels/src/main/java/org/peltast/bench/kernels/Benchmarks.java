package org.peltast.bench.kernels;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * JMH's command line, but that an operator nobody knows is said in one sentence before anything is
 * measured, and that a benchmark that fails ends the run: JMH itself would print a table without it
 * and exit with 0.
 */
final class Benchmarks {
  private static final int FAILED = 1;
  private static final int USAGE = 2;

  private Benchmarks() {}

  /** Takes JMH's arguments; {@code -p operator=NORM,ROPE} chooses. */
  public static void main(String[] arguments) {
    try {
      CommandLineOptions options = new CommandLineOptions(arguments);
      List<String> unknown = unknown(options.getParameter("operator").orElse(List.of()));
      if (!unknown.isEmpty()) {
        end(USAGE, "there is no operator %s; there are %s.", name(unknown), name(known()));
      }
      new Runner(new OptionsBuilder().parent(options).shouldFailOnError(true).build()).run();
    } catch (CommandLineOptionException e) {
      end(USAGE, "%s", e.getMessage());
    } catch (RunnerException e) {
      end(FAILED, "the benchmark stopped: %s", e.getMessage());
    }
  }

  private static List<String> unknown(Collection<String> names) {
    Set<String> known = Set.copyOf(known());
    return names.stream().filter(name -> !known.contains(name)).toList();
  }

  private static List<String> known() {
    return Arrays.stream(Operator.values()).map(Operator::name).toList();
  }

  private static String name(List<String> names) {
    return names.stream().map(n -> n.toLowerCase(Locale.ROOT)).collect(Collectors.joining(", "));
  }

  private static void end(int code, String sentence, Object... parts) {
    System.err.println("peltast: " + String.format(Locale.ROOT, sentence, parts));
    System.exit(code);
  }
}
