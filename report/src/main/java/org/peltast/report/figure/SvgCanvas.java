package org.peltast.report.figure;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.Locale;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;

/** A canvas that writes SVG: a function of the figure alone, whatever fonts there are. */
final class SvgCanvas implements Canvas {
  private static final double LETTER = 0.55; // of the size, on average

  private final StringBuilder svg = new StringBuilder(1 << 16);

  SvgCanvas(double width, double height, String title) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %s %s\" width=\"%s\" height=\"%s\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\" aria-label=\"%s\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            at(width),
            at(height),
            at(width),
            at(height),
            escaped(title)));
  }

  /** All that was drawn. */
  String end() {
    return svg + "</svg>\n";
  }

  @Override
  public void line(double[] x, double[] y, int rgb, double width, float @Nullable [] dashes) {
    StringBuilder pattern = new StringBuilder();
    if (dashes != null) {
      pattern.append(" stroke-dasharray=\"");
      for (int i = 0; i < dashes.length; i++) {
        pattern.append(i == 0 ? "" : " ").append(at(dashes[i]));
      }
      pattern.append('"');
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\"%s/>\n",
            points(x, y),
            colour(rgb),
            at(width),
            pattern));
  }

  @Override
  public void area(double[] x, double[] y, int rgb, double opacity) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<polygon points=\"%s\" fill=\"%s\" fill-opacity=\"%s\"/>\n",
            points(x, y),
            colour(rgb),
            at(opacity)));
  }

  @Override
  public void text(
      String text, double x, double y, double size, Anchor anchor, boolean bold, boolean turned) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%s\" y=\"%s\" font-size=\"%s\" text-anchor=\"%s\" fill=\"#222222\"%s%s>%s</text>\n",
            at(x),
            at(y),
            at(size),
            anchor.name().toLowerCase(Locale.ROOT),
            bold ? " font-weight=\"bold\"" : "",
            turned
                ? String.format(Locale.ROOT, " transform=\"rotate(-90 %s %s)\"", at(x), at(y))
                : "",
            escaped(text)));
  }

  @Override
  public void picture(BufferedImage picture, double x, double y, double width, double height) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      ImageIO.write(picture, "png", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory does not fail
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<image x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,%s\"/>\n",
            at(x),
            at(y),
            at(width),
            at(height),
            Base64.getEncoder().encodeToString(bytes.toByteArray())));
  }

  @Override
  public double width(String text, double size) {
    return LETTER * size * text.length();
  }

  private static String points(double[] x, double[] y) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < x.length; i++) {
      all.append(i == 0 ? "" : " ").append(at(x[i])).append(',').append(at(y[i]));
    }
    return all.toString();
  }

  private static String at(double value) {
    String text = String.format(Locale.ROOT, "%.2f", value);
    return text.replaceFirst("\\.?0+$", "");
  }

  private static String colour(int rgb) {
    return String.format(Locale.ROOT, "#%06x", rgb);
  }

  private static String escaped(String raw) {
    return raw.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }
}
