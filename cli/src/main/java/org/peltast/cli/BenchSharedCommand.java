package org.peltast.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.peltast.bench.SharedMachine;
import org.peltast.bench.UpdateShape;
import org.peltast.bench.WarmUp;
import org.peltast.runs.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "shared",
    description = {
      "Measures how much slower an update is beside busy processes of the same priority: in proportion to the cores they take, if nobody waits by spinning.",
      "Rounds alone and rounds shared take turns; the busy processes are started and ended by this command."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench shared",
      "  peltast bench shared --processes 4 --batch 16 --updates 3 --json"
    })
final class BenchSharedCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private UpdateOptions options;

  @Option(names = "--processes", description = "busy processes (default: ${DEFAULT-VALUE})")
  private int processes = 2;

  @Option(
      names = "--updates",
      description = "updates alone, and as many shared (default: ${DEFAULT-VALUE})")
  private int updates = 7;

  @Option(names = "--json", description = "print one JSON object instead of a table")
  private boolean json;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  BenchSharedCommand() {}

  @Override
  public Integer call() {
    if (processes < 1 || processes > 64 || updates < 1) {
      throw new CommandException(
          "--processes must be from 1 to 64 and --updates must be at least 1.");
    }
    UpdateShape shape = options.shape();
    SharedMachine shared;
    try (Progress progress = Display.progress("updates, alone and shared in turns")) {
      shared =
          SharedMachine.measure(
              shape, options.begin(), WarmUp.standard(), updates, processes, progress);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(JsonMapper.builder().build().writeValueAsString(shared.toMap()));
    } else {
      out.println(shared.sentence());
    }
    out.flush();
    return ExitCode.OK;
  }
}
