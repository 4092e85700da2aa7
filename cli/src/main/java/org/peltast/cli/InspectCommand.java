package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.peltast.report.Formats;
import org.peltast.report.PngText;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.Inspection;
import org.peltast.safetensors.SafetensorsException;
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
    Found found = Found.at(path, variant);
    boolean first = true;
    for (Path file : found.checkpoints()) {
      List<String> lines;
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        lines = summary ? summary(checkpoint) : Inspection.lines(checkpoint);
      } catch (SafetensorsException e) {
        if (file.equals(path)) {
          throw e; // there is nothing else to list
        }
        found.bad().add(Failures.sentence(e));
        continue;
      }
      if (!first) {
        out.println();
      }
      first = false;
      lines.forEach(out::println);
    }
    out.flush();
    found.bad().forEach(sentence -> err.println("peltast: " + sentence));
    err.flush();
    return found.bad().isEmpty() ? ExitCode.OK : ExitCode.FAILED;
  }

  /** What there is to list, and sentences about what cannot be. */
  private record Found(List<Path> checkpoints, List<String> bad) {
    /**
     * The file itself, or all of a folder; shards count as their index, unless it does not fit
     * them. Links are followed; what begins with a dot is passed over.
     */
    static Found at(Path path, @Nullable String variant) throws IOException {
      Found found = new Found(new ArrayList<>(), new ArrayList<>());
      if (!Files.isDirectory(path)) {
        if (Checkpoint.isIndex(path)) {
          found.addIndex(path, new HashSet<>());
        } else {
          found.checkpoints().add(path);
        }
        return found;
      }
      Walk walk = new Walk(path, found.bad());
      Files.walkFileTree(path, Set.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, walk);
      Collections.sort(walk.files);
      if (walk.files.isEmpty() && found.bad().isEmpty()) {
        Path other = walk.other == null ? null : walk.other.getParent();
        if (other != null) {
          Checkpoint.locate(other, null); // says what is there instead
        }
        throw new CommandException(
            "there is no safetensors file in " + path + "; name a file or another folder.");
      }
      Set<Path> claimed = new HashSet<>();
      if (variant != null) {
        found.addChosen(walk.files, variant);
        return found;
      }
      for (Path file : walk.files) {
        if (Checkpoint.isIndex(file)) {
          found.addIndex(file, claimed);
        }
      }
      walk.files.stream()
          .filter(file -> !Checkpoint.isIndex(file) && !claimed.contains(key(file)))
          .filter(file -> !found.checkpoints().contains(file))
          .forEach(found.checkpoints()::add);
      Collections.sort(found.checkpoints());
      return found;
    }

    /** Of each folder the checkpoint of a variant, or the plain one. */
    private void addChosen(List<Path> files, String variant) {
      Set<Path> folders = new TreeSet<>();
      files.forEach(file -> folders.add(file.resolveSibling("")));
      boolean any = false;
      for (Path folder : folders) {
        try {
          any |= Checkpoint.variants(folder).contains(variant);
          checkpoints.add(Checkpoint.locate(folder, variant));
        } catch (SafetensorsException e) {
          bad.add(Failures.sentence(e));
        }
      }
      if (!any && bad.isEmpty()) {
        throw new CommandException(
            "there is no checkpoint of the variant "
                + variant
                + "; leave --variant out to see all.");
      }
    }

    /** An index, or the shards beside it if it does not fit them. */
    private void addIndex(Path index, Set<Path> claimed) {
      try (Checkpoint checkpoint = Checkpoint.open(index)) {
        checkpoint.files().forEach(shard -> claimed.add(key(shard)));
        checkpoints.add(index);
      } catch (SafetensorsException e) {
        bad.add(Failures.sentence(e));
        try {
          Checkpoint.shards(index).stream()
              .filter(Files::exists)
              .filter(shard -> !checkpoints.contains(shard))
              .forEach(checkpoints::add);
        } catch (SafetensorsException unreadable) {
          return; // it names none; what lies beside it is listed as it is
        }
      }
    }

    private static Path key(Path file) {
      return file.toAbsolutePath().normalize();
    }
  }

  /** Collects safetensors files and indexes below a folder, sorted. */
  private static final class Walk extends SimpleFileVisitor<Path> {
    private final Path root;
    private final List<String> bad;
    private final List<Path> files = new ArrayList<>();
    private @Nullable Path other; // weights in another format

    Walk(Path root, List<String> bad) {
      this.root = root;
      this.bad = bad;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
      String name = String.valueOf(folder.getFileName());
      boolean passed = !folder.equals(root) && (name.startsWith(".") || name.equals("__MACOSX"));
      return passed ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      if (Checkpoint.isIndex(file) || Checkpoint.isWeights(file)) {
        if (attributes.isSymbolicLink()) { // of a link that is followed: it leads nowhere
          bad.add(file + " is a link to a file that is not there; fetch it again.");
        } else {
          files.add(file);
        }
      } else if (other == null && Checkpoint.isOtherFormat(file)) {
        other = file;
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) {
      bad.add(
          e instanceof FileSystemLoopException
              ? file + " is a link to a folder above it, and is not followed."
              : file + " cannot be read; check its permissions.");
      return FileVisitResult.CONTINUE;
    }
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

  private static String plural(long count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
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
