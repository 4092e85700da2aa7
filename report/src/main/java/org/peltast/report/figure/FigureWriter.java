package org.peltast.report.figure;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.report.PictureGrid;
import org.peltast.report.Ticks;
import org.peltast.report.figure.Canvas.Anchor;

/** Draws a {@link Figure} as SVG and as PNG, by the same strokes. */
public final class FigureWriter {
  /** Okabe and Ito's colours, the darkest first, without the yellow that print loses. */
  private static final int[] COLOURS = {
    0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x000000, 0x7F7F7F
  };

  private static final float[][] DASHES = {
    {}, {6, 2.5f}, {2, 2}, {8, 2, 2, 2}, {4, 4}, {1, 2.5f}, {10, 3}, {3, 1.5f}
  };

  private static final int GREY = 0xD9D9D9;
  private static final int DARK = 0x555555;

  private static final double WIDTH = 860;
  private static final double MARGIN = 14;
  private static final double TITLE = 30;
  private static final double HEAD = 22; // a panel's title
  private static final double PLOT = 190;
  private static final double AXIS = 38; // below a plot
  private static final double LEGEND_LINE = 15;
  private static final double ROW = 22; // of a value
  private static final double LEFT = 56; // of a plot's frame, for the vertical axis
  private static final double SMALL = 10;
  private static final double TEXT = 11;

  private final Figure figure;

  private FigureWriter(Figure figure) {
    this.figure = figure;
  }

  /**
   * Writes both files, {@code NAME.svg} and {@code NAME.png}.
   *
   * @throws IOException if one cannot be written
   */
  public static void write(Figure figure, Path folder, String name) throws IOException {
    PictureGrid.write(picture(figure), folder.resolve(name + ".png")); // makes the folder
    Files.write(folder.resolve(name + ".svg"), svg(figure).getBytes(StandardCharsets.UTF_8));
  }

  /** The figure as SVG. */
  public static String svg(Figure figure) {
    FigureWriter writer = new FigureWriter(figure);
    SvgCanvas canvas = new SvgCanvas(WIDTH, writer.height(), figure.title());
    writer.draw(canvas);
    return canvas.end();
  }

  /** The figure as a picture. */
  public static BufferedImage picture(Figure figure) {
    FigureWriter writer = new FigureWriter(figure);
    try (PictureCanvas canvas = new PictureCanvas(WIDTH, writer.height())) {
      writer.draw(canvas);
      return canvas.image();
    }
  }

  /** Panels of one height beside each other. */
  private record Band(List<Figure.Panel> panels, double height) {}

  private List<Band> bands() {
    List<Band> bands = new ArrayList<>();
    List<Figure.Panel> open = new ArrayList<>();
    for (Figure.Panel panel : figure.panels()) {
      boolean alone = panel instanceof Figure.Pictures;
      if (!open.isEmpty() && (alone || open.size() == figure.columns())) {
        bands.add(band(open));
        open = new ArrayList<>();
      }
      open.add(panel);
      if (alone) {
        bands.add(band(open));
        open = new ArrayList<>();
      }
    }
    if (!open.isEmpty()) {
      bands.add(band(open));
    }
    return bands;
  }

  private Band band(List<Figure.Panel> panels) {
    return new Band(panels, panels.stream().mapToDouble(this::height).max().orElse(0));
  }

  private double height() {
    return TITLE + bands().stream().mapToDouble(b -> b.height() + MARGIN).sum();
  }

  private double panelWidth() {
    return (WIDTH - MARGIN * (figure.columns() + 1)) / figure.columns();
  }

  private double height(Figure.Panel panel) {
    if (panel instanceof Figure.Curves curves) {
      return HEAD + PLOT + AXIS + LEGEND_LINE * legendLines(curves) + 4;
    }
    if (panel instanceof Figure.Values values) {
      return HEAD + ROW * values.rows().size() + AXIS;
    }
    Figure.Pictures pictures = (Figure.Pictures) panel;
    return HEAD
        + (pictures.columns().isEmpty() ? 0 : 16)
        + pictures.rows().stream().mapToDouble(row -> cell(pictures, row) + 4).sum();
  }

  /** Of the legend, two names a line. */
  private static int legendLines(Figure.Curves curves) {
    return (curves.series().size() + 1) / 2;
  }

  private void draw(Canvas to) {
    to.text(figure.title(), MARGIN, 20, 14, Anchor.START, true, false);
    double y = TITLE;
    for (Band band : bands()) {
      double x = MARGIN;
      for (Figure.Panel panel : band.panels()) {
        to.text(
            cut(to, panel.title(), panelWidth(panel), 12),
            x,
            y + 14,
            12,
            Anchor.START,
            true,
            false);
        if (panel instanceof Figure.Curves curves) {
          curves(to, curves, x, y + HEAD);
        } else if (panel instanceof Figure.Values values) {
          values(to, values, x, y + HEAD);
        } else if (panel instanceof Figure.Pictures pictures) {
          pictures(to, pictures, x, y + HEAD);
        }
        x += panelWidth() + MARGIN;
      }
      y += band.height() + MARGIN;
    }
  }

  private double panelWidth(Figure.Panel panel) {
    return panel instanceof Figure.Pictures ? WIDTH - 2 * MARGIN : panelWidth();
  }

  /** A scale of one axis. */
  private record Scale(double low, double high, double from, double to, boolean logarithmic) {
    static Scale of(DoubleStream values, boolean logarithmic, double from, double to) {
      double[] finite =
          values.filter(v -> Double.isFinite(v) && (!logarithmic || v > 0)).sorted().toArray();
      double low = finite.length == 0 ? (logarithmic ? 1 : 0) : finite[0];
      double high = finite.length == 0 ? (logarithmic ? 10 : 1) : finite[finite.length - 1];
      if (logarithmic) {
        low = Math.log10(low);
        high = Math.log10(high);
      }
      double span = high - low;
      double pad = span > 0 ? 0.05 * span : Math.max(1e-9, 0.1 * Math.abs(low) + 1e-3);
      return new Scale(low - pad, high + pad, from, to, logarithmic);
    }

    Scale unpadded() {
      double pad = (high - low) / 22;
      return new Scale(low + pad, high - pad, from, to, logarithmic);
    }

    double at(double value) {
      double v = logarithmic ? Math.log10(value) : value;
      double place = from + (v - low) / (high - low) * (to - from);
      double slack = Math.abs(to - from);
      return Math.max(Math.min(from, to) - slack, Math.min(Math.max(from, to) + slack, place));
    }

    /** Round values, about as many as wanted. */
    List<Double> ticks(int wanted) {
      if (logarithmic && high - low > 1) {
        return Ticks.decades(low, high, wanted).stream().map(d -> Math.pow(10, d)).toList();
      }
      return logarithmic
          ? Ticks.round(Math.pow(10, low), Math.pow(10, high), wanted)
          : Ticks.round(low, high, wanted);
    }
  }

  private static String label(double value) {
    if (value == 0) {
      return "0";
    }
    double size = Math.abs(value);
    if (size >= 1e5 || size < 1e-3) {
      return String.format(Locale.ROOT, "%.0e", value)
          .replaceAll("e([+-])0*", "e$1")
          .replace("e+", "e");
    }
    return new java.math.BigDecimal(value)
        .round(new java.math.MathContext(4))
        .stripTrailingZeros()
        .toPlainString();
  }

  private void curves(Canvas to, Figure.Curves panel, double x, double y) {
    double left = x + LEFT;
    double right = x + panelWidth();
    Stream<Figure.Point> all = panel.series().stream().flatMap(s -> s.points().stream());
    List<Figure.Point> points = all.toList();
    Scale across =
        Scale.of(points.stream().mapToDouble(Figure.Point::x), false, left, right).unpadded();
    Scale up =
        Scale.of(
            points.stream().flatMapToDouble(p -> DoubleStream.of(p.y(), p.low(), p.high())),
            panel.logarithmic(),
            y + PLOT,
            y);
    for (double tick : up.ticks(5)) {
      to.line(new double[] {left, right}, new double[] {up.at(tick), up.at(tick)}, GREY, 0.6, null);
      to.text(label(tick), left - 5, up.at(tick) + 3.5, SMALL, Anchor.END, false, false);
    }
    boolean counts = points.stream().mapToDouble(Figure.Point::x).allMatch(v -> v == Math.rint(v));
    for (double tick : across.ticks(5)) {
      if (counts && tick != Math.rint(tick)) {
        continue; // half an update is none
      }
      double at = across.at(tick);
      to.line(new double[] {at, at}, new double[] {y + PLOT, y + PLOT + 4}, DARK, 0.8, null);
      to.text(label(tick), at, y + PLOT + 15, SMALL, Anchor.MIDDLE, false, false);
    }
    to.line(
        new double[] {left, left, right}, new double[] {y, y + PLOT, y + PLOT}, DARK, 0.8, null);
    to.text(panel.x(), (left + right) / 2, y + PLOT + 29, TEXT, Anchor.MIDDLE, false, false);
    to.text(panel.y(), x + 11, y + PLOT / 2, TEXT, Anchor.MIDDLE, false, true);
    panel.series().forEach(series -> band(to, series, across, up));
    panel.series().forEach(series -> curve(to, series, across, up));
    for (int i = 0; i < panel.series().size(); i++) {
      Figure.Series series = panel.series().get(i);
      double at = left + i % 2 * (right - left) / 2;
      int row = i / 2;
      double line = y + PLOT + AXIS + row * LEGEND_LINE + 4;
      stroke(to, new double[] {at, at + 24}, new double[] {line, line}, series.style());
      marker(to, at + 12, line, series.style());
      String name = cut(to, series.name(), (right - left) / 2 - 32, SMALL);
      to.text(name, at + 29, line + 3.5, SMALL, Anchor.START, false, false);
    }
  }

  private static void band(Canvas to, Figure.Series series, Scale across, Scale up) {
    List<Figure.Point> wide =
        series.points().stream()
            .filter(p -> finite(p, up) && p.high() > p.low() && (!up.logarithmic() || p.low() > 0))
            .toList();
    int n = wide.size();
    if (n < 2) {
      return;
    }
    double[] xs = new double[2 * n];
    double[] ys = new double[2 * n];
    for (int i = 0; i < n; i++) {
      xs[i] = across.at(wide.get(i).x());
      ys[i] = up.at(wide.get(i).low());
      xs[2 * n - 1 - i] = xs[i];
      ys[2 * n - 1 - i] = up.at(wide.get(i).high());
    }
    to.area(xs, ys, colour(series.style()), 0.1);
  }

  private static boolean finite(Figure.Point p, Scale up) {
    return Double.isFinite(p.x()) && Double.isFinite(p.y()) && (!up.logarithmic() || p.y() > 0);
  }

  private static void curve(Canvas to, Figure.Series series, Scale across, Scale up) {
    List<Figure.Point> run = new ArrayList<>();
    int every = Math.max(1, series.points().size() / 10);
    for (int i = 0; i <= series.points().size(); i++) {
      Figure.@Nullable Point p = i < series.points().size() ? series.points().get(i) : null;
      if (p != null && finite(p, up)) {
        run.add(p);
        if (i % every == 0) {
          marker(to, across.at(p.x()), up.at(p.y()), series.style());
        }
      } else {
        if (run.size() > 1) {
          stroke(
              to,
              run.stream().mapToDouble(q -> across.at(q.x())).toArray(),
              run.stream().mapToDouble(q -> up.at(q.y())).toArray(),
              series.style());
        }
        run.clear();
      }
    }
  }

  private static int colour(int style) {
    return COLOURS[Math.floorMod(style, COLOURS.length)];
  }

  private static void stroke(Canvas to, double[] x, double[] y, int style) {
    float[] dashes = DASHES[Math.floorMod(style, DASHES.length)];
    to.line(x, y, colour(style), 1.6, dashes.length == 0 ? null : dashes);
  }

  /** Circle, square, triangle, diamond, and so on: a shape for each style. */
  private static void marker(Canvas to, double x, double y, int style) {
    int corners = new int[] {24, 4, 3, 4, 3, 6, 5, 8}[Math.floorMod(style, 8)];
    double turn = new double[] {0, 0.25, -0.25, 0, 0.25, 0, -0.25, 0}[Math.floorMod(style, 8)];
    double phase = corners == 4 ? turn * Math.PI : turn * 2 * Math.PI;
    double[] xs = new double[corners];
    double[] ys = new double[corners];
    for (int i = 0; i < corners; i++) {
      double angle = phase + 2 * Math.PI * i / corners;
      xs[i] = x + 3.4 * Math.cos(angle);
      ys[i] = y + 3.4 * Math.sin(angle);
    }
    to.area(xs, ys, colour(style), 1);
  }

  private void values(Canvas to, Figure.Values panel, double x, double y) {
    double names =
        Math.min(
            0.5 * panelWidth(),
            12 + panel.rows().stream().mapToDouble(r -> to.width(r.name(), TEXT)).max().orElse(0));
    double left = x + names;
    double right = x + panelWidth() - 48;
    Double reference = panel.reference();
    DoubleStream shown =
        panel.rows().stream().flatMapToDouble(r -> DoubleStream.of(r.value(), r.low(), r.high()));
    Scale across =
        Scale.of(
            reference == null ? shown : DoubleStream.concat(shown, DoubleStream.of(reference)),
            false,
            left,
            right);
    double bottom = y + ROW * panel.rows().size();
    for (double tick : across.ticks(4)) {
      double at = across.at(tick);
      to.line(new double[] {at, at}, new double[] {y, bottom}, GREY, 0.6, null);
      to.text(label(tick), at, bottom + 13, SMALL, Anchor.MIDDLE, false, false);
    }
    if (reference != null) {
      double at = across.at(reference);
      to.line(new double[] {at, at}, new double[] {y, bottom}, DARK, 1, new float[] {4, 3});
    }
    String title = cut(to, panel.x(), panelWidth(), TEXT);
    double half = to.width(title, TEXT) / 2; // as near to the axis's middle as the panel has room
    double middle = Math.max(x + half, Math.min((left + right) / 2, x + panelWidth() - half));
    to.text(title, middle, bottom + 28, TEXT, Anchor.MIDDLE, false, false);
    for (int i = 0; i < panel.rows().size(); i++) {
      Figure.Row row = panel.rows().get(i);
      double at = y + ROW * i + ROW / 2;
      to.text(
          cut(to, row.name(), names - 8, TEXT), left - 8, at + 4, TEXT, Anchor.END, false, false);
      if (!Double.isFinite(row.value())) {
        to.text("–", x + panelWidth(), at + 4, TEXT, Anchor.END, false, false);
        continue;
      }
      if (Double.isFinite(row.low()) && Double.isFinite(row.high())) {
        double[] ends = {across.at(row.low()), across.at(row.high())};
        to.line(ends, new double[] {at, at}, colour(row.style()), 2, null);
        for (double end : ends) {
          to.line(
              new double[] {end, end},
              new double[] {at - 4, at + 4},
              colour(row.style()),
              1.2,
              null);
        }
      }
      marker(to, across.at(row.value()), at, row.style());
      to.text(number(row.value()), x + panelWidth(), at + 4, TEXT, Anchor.END, false, false);
    }
  }

  private static String number(double value) {
    double size = Math.abs(value);
    return String.format(Locale.ROOT, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.3f", value);
  }

  private static final double NAMES = 150;

  /** The edge of a picture of a row: all of the width, but none larger than 96 points. */
  private static double cell(Figure.Pictures panel, Figure.PictureRow row) {
    int most = panel.rows().stream().mapToInt(r -> r.pictures().size()).max().orElse(1);
    double across = Math.min(96, (WIDTH - 2 * MARGIN - NAMES) / Math.max(1, most) - 4);
    return row.pictures().stream()
        .filter(p -> p != null)
        .mapToDouble(p -> across * p.getHeight() / p.getWidth())
        .max()
        .orElse(across);
  }

  private void pictures(Canvas to, Figure.Pictures panel, double x, double y) {
    int most = panel.rows().stream().mapToInt(r -> r.pictures().size()).max().orElse(1);
    double edge = Math.min(96, (WIDTH - 2 * MARGIN - NAMES) / Math.max(1, most) - 4);
    double top = y;
    if (!panel.columns().isEmpty()) {
      for (int i = 0; i < panel.columns().size(); i++) {
        String name = cut(to, panel.columns().get(i), edge, SMALL);
        to.text(
            name,
            x + NAMES + i * (edge + 4) + edge / 2,
            top + 10,
            SMALL,
            Anchor.MIDDLE,
            false,
            false);
      }
      top += 16;
    }
    for (Figure.PictureRow row : panel.rows()) {
      double height = cell(panel, row);
      to.text(
          cut(to, row.name(), NAMES - 8, TEXT),
          x + NAMES - 8,
          top + height / 2 + 4,
          TEXT,
          Anchor.END,
          false,
          false);
      for (int i = 0; i < row.pictures().size(); i++) {
        BufferedImage picture = row.pictures().get(i);
        if (picture != null) {
          to.picture(picture, x + NAMES + i * (edge + 4), top, edge, height);
        }
      }
      top += height + 4;
    }
  }

  private static String cut(Canvas to, String text, double width, double size) {
    if (to.width(text, size) <= width) {
      return text;
    }
    String shorter = text;
    while (!shorter.isEmpty() && to.width(shorter + "…", size) > width) {
      shorter = shorter.substring(0, shorter.length() - 1);
    }
    return shorter.stripTrailing() + "…";
  }
}
