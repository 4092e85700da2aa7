package org.peltast.report.figure;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import org.jspecify.annotations.Nullable;

/** A canvas of pixels, two for each point: sharp in print at the width of a page. */
final class PictureCanvas implements Canvas, AutoCloseable {
  private static final double SCALE = 2;
  private static final Color INK = new Color(0x222222);

  private final BufferedImage image;
  private final Graphics2D g;

  PictureCanvas(double width, double height) {
    image =
        new BufferedImage(
            (int) Math.ceil(SCALE * width),
            (int) Math.ceil(SCALE * height),
            BufferedImage.TYPE_INT_RGB);
    g = image.createGraphics();
    g.setColor(Color.WHITE);
    g.fillRect(0, 0, image.getWidth(), image.getHeight());
    g.scale(SCALE, SCALE);
    g.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    g.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    g.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    g.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR);
  }

  /** What was drawn. */
  BufferedImage image() {
    return image;
  }

  @Override
  public void line(double[] x, double[] y, int rgb, double width, float @Nullable [] dashes) {
    g.setColor(new Color(rgb));
    g.setStroke(
        new BasicStroke((float) width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, dashes, 0));
    g.draw(path(x, y));
  }

  @Override
  public void area(double[] x, double[] y, int rgb, double opacity) {
    g.setColor(new Color(rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255, (int) (255 * opacity)));
    Path2D path = path(x, y);
    path.closePath();
    g.fill(path);
  }

  private static Path2D path(double[] x, double[] y) {
    Path2D path = new Path2D.Double();
    path.moveTo(x[0], y[0]);
    for (int i = 1; i < x.length; i++) {
      path.lineTo(x[i], y[i]);
    }
    return path;
  }

  @Override
  public void text(
      String text, double x, double y, double size, Anchor at, boolean bold, boolean turned) {
    g.setColor(INK);
    g.setFont(font(size, bold));
    double width = g.getFontMetrics().getStringBounds(text, g).getWidth();
    double shift = at == Anchor.START ? 0 : at == Anchor.MIDDLE ? width / 2 : width;
    AffineTransform before = g.getTransform();
    g.translate(x, y);
    if (turned) {
      g.rotate(-Math.PI / 2);
    }
    g.drawString(text, (float) -shift, 0);
    g.setTransform(before);
  }

  private static Font font(double size, boolean bold) {
    return new Font(Font.SANS_SERIF, bold ? Font.BOLD : Font.PLAIN, 1).deriveFont((float) size);
  }

  @Override
  public void picture(BufferedImage picture, double x, double y, double width, double height) {
    AffineTransform place = AffineTransform.getTranslateInstance(x, y);
    place.scale(width / picture.getWidth(), height / picture.getHeight());
    g.drawImage(picture, place, null);
  }

  @Override
  public double width(String text, double size) {
    return g.getFontMetrics(font(size, false)).getStringBounds(text, g).getWidth();
  }

  @Override
  public void close() {
    g.dispose();
  }
}
