package org.peltast.report.figure;

import java.awt.image.BufferedImage;
import org.jspecify.annotations.Nullable;

/** What a figure is drawn on, in points from the upper left corner. */
interface Canvas {
  /** Where a text stands to its place. */
  enum Anchor {
    START,
    MIDDLE,
    END
  }

  /**
   * Draws a line through points.
   *
   * @param rgb the colour
   * @param dashes lengths of line and gap; null for none
   */
  void line(double[] x, double[] y, int rgb, double width, float @Nullable [] dashes);

  /** Fills a polygon. */
  void area(double[] x, double[] y, int rgb, double opacity);

  /** Writes a text on one line; {@code turned} by a quarter to the left. */
  void text(String text, double x, double y, double size, Anchor at, boolean bold, boolean turned);

  /** Draws a picture, its pixels kept as they are. */
  void picture(BufferedImage picture, double x, double y, double width, double height);

  /** About how wide a text is. */
  double width(String text, double size);
}
