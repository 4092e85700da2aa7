package org.peltast.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;

/**
 * A line chart as SVG whose colours come from the page, so that it follows light and dark. A long
 * noisy line is drawn twice: as it is, faint, and its moving average above.
 */
final class LineChart {
  /** Beside others, and alone over the whole page. */
  private static final int NARROW = 460;

  private static final int LONG = 960;
  private static final int HEIGHT = 230;
  private static final int LEFT = 50;
  private static final int RIGHT = 12;
  private static final int TOP = 10;
  private static final int BOTTOM = 26;

  /** More points than this do not show on a line this wide. */
  private static final int POINTS = 300;

  /** Shorter lines are drawn as they are. */
  private static final int SMOOTHED_FROM = 60;

  private final ReportData.Chart chart;
  private final int width;
  private final double firstX;
  private final double lastX;
  private final double low;
  private final double high;
  private final DoubleUnaryOperator axis;

  private LineChart(ReportData.Chart chart, int width) {
    this.chart = chart;
    this.width = width;
    this.axis = chart.logarithmic() ? v -> v > 0 ? Math.log10(v) : Double.NaN : v -> v;
    double[] xs =
        chart.series().stream()
            .flatMapToDouble(s -> s.points().stream().mapToDouble(ReportData.Point::x))
            .filter(Double::isFinite)
            .toArray();
    double[] ys =
        chart.series().stream()
            .flatMapToDouble(s -> s.points().stream().mapToDouble(ReportData.Point::y))
            .map(axis)
            .filter(Double::isFinite)
            .sorted()
            .toArray();
    firstX = Arrays.stream(xs).min().orElse(0);
    lastX = Math.max(Arrays.stream(xs).max().orElse(1), firstX + 1e-9);
    // A few wild values may leave the frame rather than flatten everything else.
    double cut = ys.length > 400 ? 0.004 : 0;
    double bottom = ys.length == 0 ? 0 : ys[(int) (cut * (ys.length - 1))];
    double top = ys.length == 0 ? 1 : ys[(int) Math.ceil((1 - cut) * (ys.length - 1))];
    if (!chart.logarithmic() && bottom > 0 && bottom < 0.35 * top) {
      bottom = 0; // near enough to zero that zero should be seen
    }
    double pad = top > bottom ? 0.06 * (top - bottom) : Math.max(1e-6, Math.abs(top) * 0.1);
    low = bottom == 0 ? 0 : bottom - pad;
    high = top + pad;
  }

  /** The chart with its legend. */
  static String svg(ReportData.Chart chart) {
    return new LineChart(chart, NARROW).draw();
  }

  /** The same over the whole width of the page. */
  static String longSvg(ReportData.Chart chart) {
    return new LineChart(chart, LONG).draw();
  }

  private String draw() {
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">",
            width,
            HEIGHT,
            Html.text(chart.title())));
    for (double tick : valueTicks()) {
      double y = y(tick);
      svg.append(
              String.format(
                  Locale.ROOT,
                  "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%s\" y2=\"%s\"/>",
                  LEFT,
                  width - RIGHT,
                  at(y),
                  at(y)))
          .append(
              String.format(
                  Locale.ROOT,
                  "<text class=\"tick\" x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>",
                  LEFT - 7,
                  at(y + 3.5),
                  label(chart.logarithmic() ? Math.pow(10, tick) : tick)));
    }
    List<Double> updates =
        Ticks.round(firstX, lastX, 5).stream()
            .filter(u -> Math.abs(u - Math.rint(u)) < 1e-6)
            .toList();
    for (int i = 0; i < updates.size(); i++) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<text class=\"tick\" x=\"%s\" y=\"%d\" text-anchor=\"%s\">%s%s</text>",
              at(x(updates.get(i))),
              HEIGHT - 8,
              x(updates.get(i)) > width - 40 ? "end" : "middle",
              label(updates.get(i)),
              i == updates.size() - 1 ? " updates" : ""));
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" viewBox=\"%d %d %d %d\">",
            LEFT,
            TOP,
            width - LEFT - RIGHT,
            HEIGHT - TOP - BOTTOM,
            LEFT,
            TOP,
            width - LEFT - RIGHT,
            HEIGHT - TOP - BOTTOM));
    for (ReportData.Series series : chart.series()) {
      String tone = series.tone().name().toLowerCase(Locale.ROOT);
      boolean smoothed = series.points().size() >= SMOOTHED_FROM && !series.dashed();
      if (smoothed) {
        svg.append(path(series.points(), "raw " + tone));
      }
      svg.append(
          path(
              smoothed ? movingAverage(series.points()) : series.points(),
              "line " + tone + (series.dashed() ? " dashed" : "")));
    }
    return svg.append("</svg></svg>").append(legend()).toString();
  }

  private String legend() {
    StringBuilder legend = new StringBuilder("<ul class=\"legend\">");
    for (ReportData.Series series : chart.series()) {
      legend.append(
          String.format(
              Locale.ROOT,
              "<li class=\"%s%s\">%s</li>",
              series.tone().name().toLowerCase(Locale.ROOT),
              series.dashed() ? " dashed" : "",
              Html.text(series.name())));
    }
    return legend.append("</ul>").toString();
  }

  private String path(List<ReportData.Point> points, String classes) {
    StringBuilder d = new StringBuilder();
    boolean drawing = false;
    int stride = Math.max(1, (points.size() + POINTS - 1) / POINTS);
    for (int i = 0; i < points.size(); i++) {
      if (i % stride != 0 && i != points.size() - 1) {
        continue;
      }
      double value = axis.applyAsDouble(points.get(i).y());
      if (!Double.isFinite(value)) {
        drawing = false;
        continue;
      }
      d.append(drawing ? 'L' : 'M')
          .append(at(x(points.get(i).x())))
          .append(' ')
          .append(at(y(value)));
      drawing = true;
    }
    return String.format(Locale.ROOT, "<path class=\"%s\" d=\"%s\"/>", classes, d);
  }

  /** Centred, over a thirtieth of the line. */
  private static List<ReportData.Point> movingAverage(List<ReportData.Point> points) {
    int half = Math.max(1, points.size() / 60);
    List<ReportData.Point> smooth = new ArrayList<>(points.size());
    for (int i = 0; i < points.size(); i++) {
      double mean =
          points.subList(Math.max(0, i - half), Math.min(points.size(), i + half + 1)).stream()
              .mapToDouble(ReportData.Point::y)
              .filter(Double::isFinite)
              .average()
              .orElse(Double.NaN);
      smooth.add(new ReportData.Point(points.get(i).x(), mean));
    }
    return smooth;
  }

  private double x(double update) {
    return LEFT + (update - firstX) / (lastX - firstX) * (width - LEFT - RIGHT);
  }

  /** A place on the axis, after {@link #axis}. */
  private double y(double value) {
    double height = HEIGHT - TOP - BOTTOM;
    double y = TOP + (high - value) / (high - low) * height;
    return Math.max(-HEIGHT, Math.min(2.0 * HEIGHT, y));
  }

  private List<Double> valueTicks() {
    if (!chart.logarithmic()) {
      return Ticks.round(low, high, 5);
    }
    // Less than two decades: round values, wherever they come to lie.
    return high - low > 1.5
        ? Ticks.decades(low, high, 5)
        : Ticks.round(Math.pow(10, low), Math.pow(10, high), 5).stream()
            .filter(value -> value > 0)
            .map(Math::log10)
            .toList();
  }

  /** As few digits as tell it: 0.25, 1200, 3.2e-5. */
  static String label(double value) {
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size >= 1e6 || size < 1e-4) {
      return String.format(Locale.ROOT, "%.2g", value)
          .replaceAll("e([+-])0?", "e$1")
          .replace("e+", "e");
    }
    return new java.math.BigDecimal(value)
        .round(new java.math.MathContext(4))
        .stripTrailingZeros()
        .toPlainString();
  }

  private static String at(double place) {
    return String.format(Locale.ROOT, "%.1f", place);
  }
}
