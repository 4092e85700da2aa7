package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.Inspection;
import org.peltast.safetensors.TensorInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "inspect",
    description = {
      "Lists the tensors of safetensors files: names, types, shapes, sizes, metadata.",
      "Only headers are read: a file of any size opens at once."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  peltast inspect model.safetensors",
      "  peltast inspect output/demo/student --summary"
    })
final class InspectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE_OR_DIR",
      description =
          "a safetensors file, an index of shards (*.index.json), or a folder, searched with its subfolders")
  private Path path;

  @Option(names = "--summary", description = "one line for each block instead of each tensor")
  private boolean summary;

  @SuppressWarnings("NullAway.Init") // picocli injects the fields before it calls anything here
  InspectCommand() {}

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    List<Path> files = checkpoints(path);
    if (files.isEmpty()) {
      throw new CommandException(
          "there is no safetensors file in " + path + "; name a file or another folder.");
    }
    boolean first = true;
    for (Path file : files) {
      if (!first) {
        out.println();
      }
      first = false;
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        (summary ? summary(checkpoint) : Inspection.lines(checkpoint)).forEach(out::println);
      }
    }
    out.flush();
    return ExitCode.OK;
  }

  private static List<String> summary(Checkpoint checkpoint) {
    List<TensorInfo> tensors = List.copyOf(checkpoint.tensors().values());
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "%s: %s in %s, %s values, %s",
            printable(checkpoint.path().toString()),
            plural(tensors.size(), "tensor"),
            plural(checkpoint.files().size(), "file"),
            Formats.count(tensors.stream().mapToLong(TensorInfo::elements).sum()),
            Formats.bytes(tensors.stream().mapToLong(TensorInfo::byteSize).sum())));
    blocks(tensors).forEach(line -> lines.add("  " + line));
    return lines;
  }

  /**
   * Names up to the first number belong together: "layers.3.attention.to_q.weight" to "layers.3".
   */
  private static List<String> blocks(List<TensorInfo> tensors) {
    record Block(long tensors, long elements, long bytes) {
      Block plus(TensorInfo t) {
        return new Block(tensors + 1, elements + t.elements(), bytes + t.byteSize());
      }
    }
    Map<String, Block> blocks = new TreeMap<>(NATURAL);
    for (TensorInfo t : tensors) {
      String block = t.name().replaceFirst("^((?:[^.]*\\D[^.]*\\.)*?\\d+)\\..*$", "$1");
      block = block.equals(t.name()) ? block.replaceFirst("\\..*$", "") : block;
      blocks.put(block, blocks.getOrDefault(block, new Block(0, 0, 0)).plus(t));
    }
    List<List<String>> rows = new ArrayList<>();
    blocks.forEach(
        (name, b) ->
            rows.add(
                List.of(
                    printable(name),
                    plural(b.tensors(), "tensor"),
                    Formats.count(b.elements()) + " values",
                    Formats.bytes(b.bytes()))));
    return Formats.columns(rows, false, true, true, true);
  }

  /** Numbers inside names in their own order: layers.2 before layers.10. */
  private static final Comparator<String> NATURAL =
      Comparator.comparing((String s) -> padded(s)).thenComparing(Comparator.naturalOrder());

  private static String padded(String name) {
    StringBuilder padded = new StringBuilder();
    for (String part : name.split("(?<=\\D)(?=\\d)|(?<=\\d)(?=\\D)")) {
      boolean number = !part.isEmpty() && Character.isDigit(part.charAt(0));
      padded.append(number ? "0".repeat(Math.max(0, 12 - part.length())) : "").append(part);
    }
    return padded.toString();
  }

  /** What can be opened: the file itself, or all of a folder; shards count as their index. */
  private static List<Path> checkpoints(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    List<Path> indices;
    List<Path> files;
    try (Stream<Path> walk = Files.walk(path)) {
      List<Path> all = walk.filter(Files::isRegularFile).sorted().toList();
      indices = all.stream().filter(p -> p.toString().endsWith(".safetensors.index.json")).toList();
      files = all.stream().filter(p -> p.toString().endsWith(".safetensors")).toList();
    }
    Set<Path> shards = new HashSet<>();
    for (Path index : indices) {
      try (Checkpoint checkpoint = Checkpoint.open(index)) {
        checkpoint.files().forEach(f -> shards.add(f.toAbsolutePath().normalize()));
      }
    }
    return Stream.concat(
            indices.stream(),
            files.stream().filter(f -> !shards.contains(f.toAbsolutePath().normalize())))
        .sorted()
        .toList();
  }

  private static String plural(long count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
  }

  /** A name from a file, fit for a terminal. */
  private static String printable(String name) {
    return name.replaceAll("\\p{C}", "�");
  }
}
