package org.peltast.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Sets of pictures to compare, one below the other: each under its title, in the same order.
 *
 * @param rows pictures by title, from the top
 */
public record Sheet(Map<String, List<BufferedImage>> rows) {
  private static final int GAP = 4;
  private static final int TITLE = 16;
  private static final int LEAST_EDGE = 64; // smaller pictures are shown larger
  private static final int COLUMNS = 12;

  /** Keeps the order. */
  public Sheet {
    rows = new LinkedHashMap<>(rows);
  }

  /** One picture of all; sets longer than a line go on in the next. */
  public BufferedImage draw() {
    int most = rows.values().stream().mapToInt(List::size).max().orElse(0);
    if (most == 0) {
      throw new IllegalArgumentException("a sheet needs a picture");
    }
    int columns = Math.min(most, COLUMNS);
    int width = edge(true);
    int height = edge(false);
    int scale = Math.max(1, LEAST_EDGE / Math.min(width, height));
    int cellWidth = scale * width + GAP;
    int cellHeight = scale * height + GAP;
    int lines = rows.values().stream().mapToInt(row -> lines(row, columns)).sum();
    BufferedImage sheet =
        new BufferedImage(
            columns * cellWidth + GAP,
            rows.size() * (TITLE + GAP) + lines * cellHeight,
            BufferedImage.TYPE_INT_RGB);
    Graphics2D g = sheet.createGraphics();
    try {
      g.setColor(Color.WHITE);
      g.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
      g.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, TITLE - 4));
      g.setColor(new Color(0x33, 0x30, 0x2b));
      int y = 0;
      for (Map.Entry<String, List<BufferedImage>> row : rows.entrySet()) {
        g.drawString(row.getKey(), GAP, y + TITLE - 2);
        y += TITLE + GAP;
        for (int i = 0; i < row.getValue().size(); i++) {
          g.drawImage(
              row.getValue().get(i),
              GAP + i % columns * cellWidth,
              y + i / columns * cellHeight,
              scale * width,
              scale * height,
              null);
        }
        y += lines(row.getValue(), columns) * cellHeight;
      }
    } finally {
      g.dispose();
    }
    return sheet;
  }

  private int edge(boolean across) {
    return rows.values().stream()
        .flatMap(List::stream)
        .mapToInt(picture -> across ? picture.getWidth() : picture.getHeight())
        .max()
        .orElse(1);
  }

  private static int lines(List<BufferedImage> row, int columns) {
    return (row.size() + columns - 1) / columns;
  }
}
