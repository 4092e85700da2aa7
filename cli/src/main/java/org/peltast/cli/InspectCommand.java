package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.peltast.report.CheckpointSummary;
import org.peltast.report.PngText;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.CheckpointSearch;
import org.peltast.safetensors.Inspection;
import org.peltast.safetensors.SafetensorsException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "inspect",
    description = {
      "Lists the tensors of safetensors files: names, types, shapes, sizes, metadata.",
      "Only headers are read: a file of any size opens at once.",
      "Of a PNG picture it shows the texts: how it was drawn, if peltast generate wrote it."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast inspect model.safetensors",
      "  peltast inspect output/demo/student --summary",
      "  peltast inspect generated.png"
    })
final class InspectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE_OR_DIR",
      description =
          "a safetensors file, an index of shards (*.index.json), a folder, searched with its subfolders, or a PNG picture")
  private Path path;

  @Option(
      names = "--variant",
      paramLabel = "NAME",
      description =
          "of each folder list one checkpoint alone: that of this variant, as fp16 of model.fp16.safetensors, or else the plain one")
  private @Nullable String variant;

  @Option(names = "--summary", description = "one line for each block instead of each tensor")
  private boolean summary;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  InspectCommand() {}

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (PngText.isPng(path)) {
      PngText.read(path).forEach((key, text) -> out.println(printable(key) + ": " + lines(text)));
      out.flush();
      return ExitCode.OK;
    }
    PrintWriter err = spec.commandLine().getErr();
    CheckpointSearch found = CheckpointSearch.at(path, variant);
    boolean first = true;
    for (Path file : found.checkpoints()) {
      List<String> lines;
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        lines = summary ? CheckpointSummary.lines(checkpoint) : Inspection.lines(checkpoint);
      } catch (SafetensorsException e) {
        if (file.equals(path)) {
          throw e; // there is nothing else to list
        }
        found.bad().add(String.valueOf(e.getMessage()));
        continue;
      }
      if (!first) {
        out.println();
      }
      first = false;
      lines.forEach(out::println);
    }
    out.flush();
    found.bad().stream()
        .distinct()
        .forEach(reason -> err.println("peltast: " + Failures.sentence(reason)));
    err.flush();
    return found.bad().isEmpty() ? ExitCode.OK : ExitCode.FAILED;
  }

  /** A text of several lines, each fit for a terminal. */
  private static String lines(String text) {
    return text.lines().map(InspectCommand::printable).collect(Collectors.joining("\n  "));
  }

  /** A name from a file, fit for a terminal. */
  private static String printable(String name) {
    return name.replaceAll("\\p{C}", "�");
  }
}
