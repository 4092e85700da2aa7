package org.peltast.safetensors;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What {@code peltast inspect} shows of a checkpoint. */
public final class Inspection {
  private static final int LONGEST_VALUE = 160;
  private static final int LONGEST_NAME = 100;

  private Inspection() {}

  /**
   * A checkpoint as lines of text: its files, metadata (long values shortened), each tensor with
   * type, shape and size, and the totals by type. Nothing in a file can break a line or send a
   * control character to the terminal.
   */
  public static List<String> lines(Checkpoint checkpoint) {
    List<TensorInfo> tensors = List.copyOf(checkpoint.tensors().values());
    List<String> lines = new ArrayList<>();
    lines.add(StrictText.printable(checkpoint.path().toString()));
    if (checkpoint.files().size() > 1) {
      lines.add("shards: " + checkpoint.files().size());
    }
    if (!checkpoint.metadata().isEmpty()) {
      lines.add("");
      lines.add("metadata");
      checkpoint
          .metadata()
          .forEach(
              (key, value) ->
                  lines.add(
                      "  "
                          + StrictText.shortened(key, LONGEST_NAME)
                          + ": "
                          + StrictText.shortened(value, LONGEST_VALUE)
                          + (value.length() > LONGEST_VALUE
                              ? String.format(Locale.ROOT, " (%,d characters)", value.length())
                              : "")));
    }
    List<String[]> rows = new ArrayList<>();
    Map<SafetensorsType, long[]> totals = new EnumMap<>(SafetensorsType.class);
    long[] sum = new long[3];
    for (TensorInfo tensor : tensors) {
      rows.add(
          new String[] {
            StrictText.shortened(tensor.name(), LONGEST_NAME),
            tensor.type().name(),
            tensor.shape().toString(),
            StrictText.bytes(tensor.byteSize())
          });
      count(totals.computeIfAbsent(tensor.type(), type -> new long[3]), tensor);
      count(sum, tensor);
    }
    if (!rows.isEmpty()) {
      lines.add("");
      lines.add("tensors");
      table(rows, lines);
    }
    lines.add("");
    lines.add("totals");
    List<String[]> totalRows = new ArrayList<>();
    totals.forEach((type, counts) -> totalRows.add(total(type.name(), counts)));
    totalRows.add(total("all", sum));
    table(totalRows, lines);
    return lines;
  }

  private static void count(long[] totals, TensorInfo tensor) {
    totals[0]++;
    totals[1] += tensor.elements();
    totals[2] += tensor.byteSize();
  }

  private static String[] total(String label, long[] counts) {
    return new String[] {
      label,
      String.format(Locale.ROOT, counts[0] == 1 ? "%,d tensor" : "%,d tensors", counts[0]),
      String.format(Locale.ROOT, counts[1] == 1 ? "%,d element" : "%,d elements", counts[1]),
      StrictText.bytes(counts[2])
    };
  }

  /** Appends rows as columns: the last flush right, for it holds the sizes. */
  private static void table(List<String[]> rows, List<String> lines) {
    int[] widths = new int[rows.get(0).length];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        String padding = " ".repeat(widths[i] - row[i].length());
        boolean last = i == row.length - 1;
        line.append("  ").append(last ? padding + row[i] : row[i] + padding);
      }
      lines.add(line.toString());
    }
  }
}
