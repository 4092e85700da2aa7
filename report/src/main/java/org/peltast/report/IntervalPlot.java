package org.peltast.report;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** One column of a table as dots with their intervals, under one another, on one scale. */
final class IntervalPlot {
  private static final int WIDTH = 460;
  private static final int RIGHT = 56;
  private static final int ROW = 26;
  private static final int TOP = 8;
  private static final int BOTTOM = 24;

  private IntervalPlot() {}

  static String svg(ReportData.Table table, int column) {
    ReportData.Column about = table.columns().get(column);
    // About as wide as the longest name is.
    int left =
        table.rows().stream()
            .mapToInt(row -> row.name().length())
            .map(n -> 24 + 6 * n)
            .max()
            .orElse(0);
    Double floor = about.floor();
    double high = floor == null ? Double.NEGATIVE_INFINITY : floor;
    double low = floor == null ? Double.POSITIVE_INFINITY : floor;
    for (ReportData.Row row : table.rows()) {
      ReportData.@Nullable Estimate cell = row.cells().get(column);
      if (cell != null) {
        high = Math.max(high, Math.max(cell.high(), cell.value()));
        low = Math.min(low, Math.min(cell.low(), cell.value()));
      }
    }
    if (!(low <= high)) { // nothing measured
      low = 0;
      high = 1;
    }
    low = low > 0 && low < 0.35 * high ? 0 : low - 0.04 * (high - low);
    double span = Math.max(high - low, 1e-12) * 1.03;
    int height = TOP + BOTTOM + ROW * table.rows().size();
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">",
            WIDTH,
            height,
            Html.text(about.name())));
    List<Double> ticks = Ticks.round(low, low + span, 5);
    for (double tick : ticks) {
      String x = at(x(tick, low, span, left));
      svg.append(
              String.format(
                  Locale.ROOT,
                  "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>",
                  x,
                  x,
                  TOP,
                  height - BOTTOM))
          .append(
              String.format(
                  Locale.ROOT,
                  "<text class=\"tick\" x=\"%s\" y=\"%d\" text-anchor=\"middle\">%s</text>",
                  x,
                  height - 8,
                  LineChart.label(tick)));
    }
    if (floor != null) {
      String x = at(x(floor, low, span, left));
      svg.append(
          String.format(
              Locale.ROOT,
              "<line class=\"floor\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>",
              x,
              x,
              TOP,
              height - BOTTOM));
    }
    int y = TOP + ROW / 2;
    for (ReportData.Row row : table.rows()) {
      ReportData.@Nullable Estimate cell = row.cells().get(column);
      svg.append(
          String.format(
              Locale.ROOT,
              "<text class=\"name\" x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>",
              left - 12,
              at(y + 4),
              Html.text(row.name())));
      if (cell != null) {
        String tone = row.tone().name().toLowerCase(Locale.ROOT);
        svg.append(
                String.format(
                    Locale.ROOT,
                    "<line class=\"whisker %s\" x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\"/>",
                    tone,
                    at(x(cell.low(), low, span, left)),
                    at(x(cell.high(), low, span, left)),
                    y,
                    y))
            .append(
                String.format(
                    Locale.ROOT,
                    "<circle class=\"dot %s\" cx=\"%s\" cy=\"%d\" r=\"4.5\"/>",
                    tone,
                    at(x(cell.value(), low, span, left)),
                    y))
            .append(
                String.format(
                    Locale.ROOT,
                    "<text class=\"value\" x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>",
                    WIDTH - 2,
                    at(y + 4),
                    decimals(cell.value(), about.decimals())));
      }
      y += ROW;
    }
    return svg.append("</svg>").toString();
  }

  static String decimals(double value, int decimals) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%." + decimals + "f", value) : "–";
  }

  private static double x(double value, double low, double span, int left) {
    return left + (value - low) / span * (WIDTH - left - RIGHT);
  }

  private static String at(double place) {
    return String.format(Locale.ROOT, "%.1f", place);
  }
}
