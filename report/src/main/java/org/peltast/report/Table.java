package org.peltast.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A small table that can be shown on a terminal, on a page, and to a spreadsheet.
 *
 * @param header the columns' names
 * @param rows cells, as many in each as there are columns; all but the first column are numbers
 */
public record Table(List<String> header, List<List<String>> rows) {
  /** Lines for a terminal, columns flush. */
  public List<String> text() {
    List<List<String>> all = new ArrayList<>();
    all.add(header);
    all.addAll(rows);
    boolean[] right = new boolean[header.size()];
    for (int i = 1; i < right.length; i++) {
      right[i] = true;
    }
    return Formats.columns(all, right);
  }

  /** Lines of Markdown. */
  public List<String> markdown() {
    List<String> lines = new ArrayList<>();
    lines.add(line(header));
    lines.add("| --- |" + " ---: |".repeat(header.size() - 1));
    rows.forEach(row -> lines.add(line(row)));
    return lines;
  }

  private static String line(List<String> cells) {
    return cells.stream().collect(Collectors.joining(" | ", "| ", " |"));
  }

  /** Lines of comma-separated values; cells have no commas. */
  public List<String> csv() {
    List<String> lines = new ArrayList<>();
    lines.add(String.join(",", header));
    rows.forEach(row -> lines.add(String.join(",", row)));
    return lines;
  }
}
