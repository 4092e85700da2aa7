package org.peltast.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.peltast.demo.DemoReport;
import org.peltast.runs.RunFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "report",
    description = {
      "Writes the report of a finished demonstration anew, from what lies in its folder.",
      "The page is one file that needs nothing else: send it to somebody."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast report",
      "  peltast report output/one-step",
      "  peltast report output/seed-1 output/seed-2 output/seed-3"
    })
final class ReportCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..*",
      paramLabel = "RUN",
      description =
          "the run's folder; after it those of the same recipe with other seeds, over which means"
              + " and intervals are shown (default: output/demo)")
  private List<Path> runs = List.of();

  ReportCommand() {}

  @Override
  public Integer call() {
    Path run = runs.isEmpty() ? Path.of("output/demo") : runs.get(0);
    List<RunFolder> others = new ArrayList<>();
    try (RunFolder folder = RunFolder.read(run, Display::notice)) {
      for (Path other : runs.subList(Math.min(1, runs.size()), runs.size())) {
        others.add(RunFolder.read(other, Display::notice));
      }
      DemoReport.write(folder, others);
    } finally {
      others.forEach(RunFolder::close);
    }
    Display.notice("Wrote " + run.resolve("report.html") + ".");
    return ExitCode.OK;
  }
}
