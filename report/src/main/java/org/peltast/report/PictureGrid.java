package org.peltast.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Pictures in rows and columns, each with its caption beneath, on white.
 *
 * <p>Without captions the file is a function of the pictures alone; captions are drawn with the
 * fonts of the machine.
 */
public final class PictureGrid {
  private static final int GAP = 8;
  private static final int LINES = 2;

  private PictureGrid() {}

  /**
   * Draws a grid, filled row by row.
   *
   * @param pictures at least one; each cell is as large as the largest of them
   * @param captions one for each picture, or none at all; a long one is cut after two lines
   * @param columns at least 1
   * @param scale how many pixels a picture's pixel becomes on an edge, at least 1
   */
  public static BufferedImage draw(
      List<BufferedImage> pictures, List<String> captions, int columns, int scale) {
    if (pictures.isEmpty() || columns < 1 || scale < 1) {
      throw new IllegalArgumentException(
          "a grid needs a picture, a column and a scale of at least 1");
    }
    if (!captions.isEmpty() && captions.size() != pictures.size()) {
      throw new IllegalArgumentException(
          captions.size() + " captions for " + pictures.size() + " pictures");
    }
    int across = Math.min(columns, pictures.size());
    int width = scale * pictures.stream().mapToInt(BufferedImage::getWidth).max().orElse(1);
    int height = scale * pictures.stream().mapToInt(BufferedImage::getHeight).max().orElse(1);
    int size = Math.max(9, Math.min(14, width / 9));
    int text = captions.isEmpty() ? 0 : LINES * (size + 3) + 2;
    int rows = (pictures.size() + across - 1) / across;
    BufferedImage grid =
        new BufferedImage(
            across * (width + GAP) + GAP,
            rows * (height + text + GAP) + GAP,
            BufferedImage.TYPE_INT_RGB);
    Graphics2D g = grid.createGraphics();
    try {
      g.setColor(Color.WHITE);
      g.fillRect(0, 0, grid.getWidth(), grid.getHeight());
      g.setRenderingHint(
          RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR);
      for (int i = 0; i < pictures.size(); i++) {
        int x = GAP + i % across * (width + GAP);
        int y = GAP + i / across * (height + text + GAP);
        BufferedImage picture = pictures.get(i);
        int w = scale * picture.getWidth();
        g.drawImage(picture, x + (width - w) / 2, y, w, scale * picture.getHeight(), null);
        if (text > 0) {
          caption(g, captions.get(i), x, y + height + 2, width, size);
        }
      }
    } finally {
      g.dispose();
    }
    return grid;
  }

  /** Centred below a picture, in at most two lines. */
  private static void caption(Graphics2D g, String caption, int x, int y, int width, int size) {
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, size));
    g.setColor(new Color(0x33, 0x30, 0x2b));
    FontMetrics metrics = g.getFontMetrics();
    int line = 0;
    for (String part : wrapped(caption, metrics, width)) {
      int left = x + Math.max(0, (width - metrics.stringWidth(part)) / 2);
      g.drawString(part, left, y + size + line * (size + 3));
      line++;
    }
  }

  private static List<String> wrapped(String caption, FontMetrics metrics, int width) {
    List<String> lines = new ArrayList<>();
    String line = "";
    for (String word : caption.strip().split("\\s+")) {
      String longer = line.isEmpty() ? word : line + " " + word;
      if (metrics.stringWidth(longer) <= width || line.isEmpty()) {
        line = longer;
      } else if (lines.size() == LINES - 1) {
        line = longer; // the last line takes all the rest and is cut below
      } else {
        lines.add(line);
        line = word;
      }
    }
    lines.add(line);
    return lines.stream().map(l -> cut(l, metrics, width)).toList();
  }

  private static String cut(String line, FontMetrics metrics, int width) {
    if (metrics.stringWidth(line) <= width) {
      return line;
    }
    String shorter = line;
    while (!shorter.isEmpty() && metrics.stringWidth(shorter + "…") > width) {
      shorter = shorter.substring(0, shorter.length() - 1);
    }
    return shorter.stripTrailing() + "…";
  }

  /**
   * Writes a picture, in one step, making its folder if need be: in the format that the file's name
   * ends with, else as PNG.
   *
   * @throws IOException if it cannot be written
   */
  public static void write(BufferedImage picture, Path file) throws IOException {
    byte[] bytes = PictureFormat.of(file).orElse(PictureFormat.PNG).encode(picture);
    Path target = file.toAbsolutePath();
    Path folder = target.getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    // Not named after the file, whose name may be as long as names can be.
    Path draft = target.resolveSibling(".peltast-" + ProcessHandle.current().pid() + ".draft");
    try {
      Files.write(draft, bytes);
      Files.move(
          draft, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(draft);
    }
  }
}
