package org.peltast.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Figures and tables as a reader likes them. */
public final class Formats {
  private Formats() {}

  /** Bytes in the largest unit that leaves at least one: "45.2 MiB". */
  public static String bytes(long count) {
    String[] units = {"KiB", "MiB", "GiB", "TiB"};
    if (count < 1024) {
      return count + " B";
    }
    double value = count / 1024.0;
    int unit = 0;
    while (value >= 1023.95 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }

  /** A count in the field's way: "8.81 M". */
  public static String count(long count) {
    if (count < 10_000) {
      return Long.toString(count);
    }
    return count < 999_500
        ? String.format(Locale.ROOT, "%.1f k", count / 1e3)
        : count < 999_500_000
            ? String.format(Locale.ROOT, "%.2f M", count / 1e6)
            : String.format(Locale.ROOT, "%.2f G", count / 1e9);
  }

  /** A duration in its two largest units: "3 m 05 s"; below ten seconds with a tenth. */
  public static String seconds(double seconds) {
    if (seconds < 9.95) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    long s = Math.round(seconds);
    return s >= 3600
        ? String.format(Locale.ROOT, "%d h %02d m", s / 3600, s % 3600 / 60)
        : s >= 60 ? String.format(Locale.ROOT, "%d m %02d s", s / 60, s % 60) : s + " s";
  }

  /**
   * Lines of columns two spaces apart, each as wide as its widest cell.
   *
   * @param rows cells; all rows equally long
   * @param right for each column, whether it is flush right, as numbers are
   */
  public static List<String> columns(List<List<String>> rows, boolean... right) {
    int[] widths = new int[right.length];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        String pad = " ".repeat(widths[i] - row.get(i).length());
        line.append(i == 0 ? "" : "  ").append(right[i] ? pad + row.get(i) : row.get(i) + pad);
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }
}
