package org.peltast.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.peltast.bench.BlockBenchmark;
import org.peltast.runs.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

@Command(
    name = "block",
    description = {
      "Measures one block of each family at its published width, forward and with all gradients, on random weights: Z-Image 3840 wide, Lumina 2 2304, SDXL 1280.",
      "With --python, in turns with diffusers' block in PyTorch (bench/peer/block.py); the ratio is Peltast over PyTorch, below 1 Peltast is faster."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast bench block",
      "  peltast bench block --python venv/bin/python --family lumina2 --precision float32"
    })
final class BenchBlockCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private PrecisionOptions computed;

  @Option(
      names = "--family",
      paramLabel = "NAME",
      description = "z-image, lumina2 or sdxl; may be given several times (default: all)")
  private List<String> families = BlockBenchmark.FAMILIES;

  @Option(names = "--edge", description = "edge of the square of tokens (default: 32)")
  private int edge = 32;

  @Option(names = "--rounds", description = "passes that are counted (default: 7)")
  private int rounds = 7;

  @Option(names = "--python", paramLabel = "FILE", description = "a Python with torch, diffusers")
  private @Nullable String python;

  @Option(names = "--json", description = "print a JSON object a pass instead of a table")
  private boolean json;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  BenchBlockCommand() {}

  @Override
  public Integer call() {
    if (!BlockBenchmark.FAMILIES.containsAll(families) || edge < 4 || edge > 64 || rounds < 1) {
      throw new CommandException(
          "--family must be one of "
              + String.join(", ", BlockBenchmark.FAMILIES)
              + ", --edge from 4 to 64, --rounds at least 1.");
    }
    BlockBenchmark benchmark =
        new BlockBenchmark(
            families,
            computed.begin(),
            edge,
            rounds,
            python,
            Places.home().resolve("bench/peer/block.py"));
    List<BlockBenchmark.Result> results;
    try (Progress progress = Display.progress("passes")) {
      results = benchmark.measure(progress);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      JsonMapper mapper = JsonMapper.builder().build();
      results.forEach(r -> out.println(mapper.writeValueAsString(r.toMap())));
    } else {
      BlockBenchmark.table(results).text().forEach(out::println);
    }
    out.flush();
    return ExitCode.OK;
  }
}
