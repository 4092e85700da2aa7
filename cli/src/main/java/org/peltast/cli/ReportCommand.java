package org.peltast.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.peltast.runs.RunFolder;
import org.peltast.training.DemoReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "report",
    description = {
      "Writes the report of a finished demonstration anew, from what lies in its folder.",
      "The page is one file that needs nothing else: send it to somebody."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  peltast report", "  peltast report output/one-step"})
final class ReportCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "RUN",
      description = "the run's folder (default: ${DEFAULT-VALUE})")
  private Path run = Path.of("output/demo");

  ReportCommand() {}

  @Override
  public Integer call() {
    try (RunFolder folder = RunFolder.read(run, Display::notice)) {
      DemoReport.write(folder);
    }
    Display.notice("Wrote " + run.resolve("report.html") + ".");
    return ExitCode.OK;
  }
}
