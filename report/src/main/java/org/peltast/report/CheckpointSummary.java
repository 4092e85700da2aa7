package org.peltast.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.TensorInfo;

/** A checkpoint as one line for each block of its network. */
public final class CheckpointSummary {
  private CheckpointSummary() {}

  /** A line about all, and one about each block. */
  public static List<String> lines(Checkpoint checkpoint) {
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

  /** A name from a file, fit for a terminal. */
  private static String printable(String name) {
    return name.replaceAll("\\p{C}", "\uFFFD");
  }
}
