package org.peltast.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.peltast.tensor.parallel.LocalProcesses;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code peltast launch}: one command as several processes of this machine, each a rank of one
 * process group (what torchrun is to PyTorch). The processes find each other by torchrun's
 * environment variables.
 */
@Command(
    name = "launch",
    description = {
      "Runs a command as several processes on this machine that train together.",
      "",
      "Each process gets its share of the processor's cores. What the first one prints is shown;"
          + " lines of errors of the others begin with their rank. When one process fails, all are"
          + " ended."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast launch --processes 2 distill --teacher my-teacher --out output/two",
      "  peltast launch --processes 4 train teacher --out output/four"
    })
final class LaunchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--processes",
      required = true,
      paramLabel = "N",
      description = "How many processes.")
  private int processes;

  @Parameters(
      arity = "1..*",
      paramLabel = "COMMAND",
      description = "The command and its options, as after `peltast`.")
  private List<String> command;

  /** Created by picocli. */
  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  LaunchCommand() {}

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (processes < 1 || processes > LocalProcesses.MOST) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT,
              "--processes must be from 1 to %d, but is %d",
              LocalProcesses.MOST,
              processes));
    }
    String first = command.get(0);
    if (!spec.root().subcommands().containsKey(first) || first.equals(spec.name())) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT, "'%s' is no command that can be launched", Failures.printable(first)));
    }
    Ranks.requireAlone(String.join(" ", command.subList(0, words(first))), processes > 1);
    try (LocalProcesses ranks = ranks()) {
      Interrupts.forward(ranks::signal);
      ranks.start();
      LocalProcesses.End end = ranks.await();
      if (!end.isFailure()) {
        return ExitCode.OK;
      }
      if (ranks.isSignalled()) {
        return end.first() == 0 ? ExitCode.OK : ExitCode.INTERRUPTED;
      }
      spec.commandLine().getErr().println("peltast: " + end.sentence());
      spec.commandLine().getErr().flush();
      return end.isSignalled() ? ExitCode.FAILED : end.code();
    }
  }

  /** How many words name the command: two, if its own commands are meant. */
  private int words(String first) {
    CommandLine named = spec.root().subcommands().get(first);
    boolean two =
        named != null && command.size() > 1 && named.getSubcommands().containsKey(command.get(1));
    return two ? 2 : 1;
  }

  private LocalProcesses ranks() {
    return new LocalProcesses(java(), processes, System.out, System.err);
  }

  /** This program with the launched command, by the flags that it was started with itself. */
  private List<String> java() {
    List<String> all = new ArrayList<>();
    all.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String flag : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      // A debugger's port and files that are written at the end are for one process.
      if (!flag.startsWith("-agentlib:") && !flag.startsWith("-XX:ArchiveClassesAtExit")) {
        all.add(flag);
      }
    }
    all.addAll(List.of("-cp", System.getProperty("java.class.path"), Launch.class.getName()));
    all.addAll(command);
    return all;
  }

  /** Ends this process when whoever launched it is gone. */
  static void endWithLauncher() {
    LocalProcesses.watchLauncher(
        () -> {
          System.err.println("peltast: the process that launched this one is gone.");
          Runtime.getRuntime().halt(ExitCode.FAILED);
        });
  }
}
