package org.peltast.cli;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.peltast.bench.Soak;
import org.peltast.runs.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "soak",
    description = {
      "Runs thousands of updates of a tiny model and watches what the process holds, resident and in the Java heap: both must be flat.",
      "Prints start, end and slope; ends with 1 if memory grew."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  peltast bench soak", "  peltast bench soak --updates 1000 --json"})
final class BenchSoakCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--updates", description = "after the warm-up (default: ${DEFAULT-VALUE})")
  private int updates = 10_000;

  @Option(names = "--json", description = "print one JSON object instead of a table")
  private boolean json;

  @Mixin private PrecisionOptions computed;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  BenchSoakCommand() {}

  @Override
  public Integer call() {
    if (updates < 20) {
      throw new CommandException(
          "--updates must be at least 20, or there is no slope to speak of.");
    }
    Soak soak;
    try (Progress progress = Display.progress("updates")) {
      soak = Soak.run(updates, computed.begin(), progress);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("updates", updates);
      map.put("residentStart", soak.first().resident());
      map.put("residentEnd", soak.last().resident());
      map.put("residentBytesPerUpdate", soak.residentSlope());
      map.put("heapStart", soak.first().heap());
      map.put("heapEnd", soak.last().heap());
      map.put("heapBytesPerUpdate", soak.heapSlope());
      map.put("flat", soak.flat());
      out.println(JsonMapper.builder().build().writeValueAsString(map));
    } else {
      soak.table().text().forEach(out::println);
      out.println(
          soak.flat()
              ? "flat over " + updates + " updates"
              : "GREW over " + updates + " updates: memory is lost in each of them");
    }
    out.flush();
    return soak.flat() ? ExitCode.OK : ExitCode.FAILED;
  }
}
