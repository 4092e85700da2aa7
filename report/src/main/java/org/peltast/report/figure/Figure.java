package org.peltast.report.figure;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A figure: panels in rows, with a title.
 *
 * @param title above all
 * @param columns panels in a row, at least 1; panels of pictures take a row of their own
 * @param panels in order
 */
public record Figure(String title, int columns, List<Panel> panels) {
  /** Checks that there is something to show. */
  public Figure {
    panels = List.copyOf(panels);
    if (columns < 1 || panels.isEmpty()) {
      throw new IllegalArgumentException("a figure needs a panel and a column");
    }
  }

  /** One part of a figure. */
  public sealed interface Panel {
    /** What stands above it. */
    String title();
  }

  /**
   * Curves over a common axis.
   *
   * @param x what the horizontal axis is
   * @param y what the vertical axis is
   * @param logarithmic whether the vertical axis is
   * @param series at least one
   */
  public record Curves(String title, String x, String y, boolean logarithmic, List<Series> series)
      implements Panel {
    /** Copies the list. */
    public Curves {
      series = List.copyOf(series);
    }
  }

  /**
   * A curve.
   *
   * @param name in the legend
   * @param style its colour, dashes and marker: the same number is the same series everywhere
   * @param points in the order of x; those that are not finite leave a gap
   */
  public record Series(String name, int style, List<Point> points) {
    /** Copies the list. */
    public Series {
      points = List.copyOf(points);
    }
  }

  /**
   * A point of a curve with the band around it.
   *
   * @param low the band's lower edge; y itself where there is none
   * @param high its upper edge
   */
  public record Point(double x, double y, double low, double high) {
    /** Without a band. */
    public Point(double x, double y) {
      this(x, y, y, y);
    }
  }

  /**
   * Values with intervals, one below the other.
   *
   * @param x what the horizontal axis is
   * @param rows at least one
   * @param reference a value to draw a line at, or null
   */
  public record Values(String title, String x, List<Row> rows, @Nullable Double reference)
      implements Panel {
    /** Copies the list. */
    public Values {
      rows = List.copyOf(rows);
    }
  }

  /**
   * A value with its interval.
   *
   * @param style as of {@link Series}
   * @param low the interval's lower end; the value itself where there is none
   * @param high its upper end
   */
  public record Row(String name, int style, double value, double low, double high) {}

  /**
   * Pictures in rows and columns, each row and column with a name.
   *
   * @param columns above the pictures; may be empty
   * @param rows from the top
   */
  public record Pictures(String title, List<String> columns, List<PictureRow> rows)
      implements Panel {
    /** Copies the lists. */
    public Pictures {
      columns = List.copyOf(columns);
      rows = List.copyOf(rows);
    }
  }

  /**
   * A row of pictures of one size.
   *
   * @param pictures from the left; null leaves a gap
   */
  public record PictureRow(String name, List<@Nullable BufferedImage> pictures) {
    /** Copies the list, which may have gaps. */
    public PictureRow {
      pictures = new ArrayList<>(pictures);
    }
  }
}
