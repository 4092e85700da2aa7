package org.peltast.data;

import com.github.weisj.jsvg.SVGDocument;
import com.github.weisj.jsvg.parser.LoaderContext;
import com.github.weisj.jsvg.parser.SVGLoader;
import com.github.weisj.jsvg.renderer.NullPlatformSupport;
import com.github.weisj.jsvg.view.ViewBox;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Draws SVG on a white square. One instance serves one thread. */
final class SvgRasteriser {
  /**
   * Pictures are drawn at this multiple of their size and averaged, since the clip paths and
   * filters of many drawings are not antialiased by the renderer.
   */
  private static final int OVERSAMPLING = 2;

  private final int size;
  private final int drawn;
  private final BufferedImage canvas;
  private final SVGLoader loader = new SVGLoader();

  SvgRasteriser(int size) {
    this.size = size;
    this.drawn = size * OVERSAMPLING;
    this.canvas = new BufferedImage(drawn, drawn, BufferedImage.TYPE_INT_RGB);
  }

  /**
   * Draws an icon, centred and as large as fits.
   *
   * @param rgb receives size × size × 3 bytes, row by row
   */
  void draw(Icon icon, byte[] rgb) {
    String svg =
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\""
                + " width=\"%s\" height=\"%s\" viewBox=\"%s %s %s %s\">%s</svg>",
            icon.width(),
            icon.height(),
            icon.left(),
            icon.top(),
            icon.width(),
            icon.height(),
            icon.body());
    SVGDocument document =
        loader.load(
            new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)),
            null,
            LoaderContext.createDefault());
    if (document == null) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The drawing %s of the emoji family %s is not SVG.",
              icon.name(),
              icon.family()));
    }
    Graphics2D graphics = canvas.createGraphics();
    try {
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, drawn, drawn);
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      graphics.setRenderingHint(
          RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
      // Keeps the aspect ratio and centres, as SVG's preserveAspectRatio does by default.
      document.renderWithPlatform(
          NullPlatformSupport.INSTANCE, graphics, new ViewBox(0, 0, drawn, drawn));
    } finally {
      graphics.dispose();
    }
    average(((DataBufferInt) canvas.getRaster().getDataBuffer()).getData(), rgb);
  }

  private void average(int[] argb, byte[] rgb) {
    int area = OVERSAMPLING * OVERSAMPLING;
    int out = 0;
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        int red = area / 2;
        int green = area / 2;
        int blue = area / 2;
        for (int dy = 0; dy < OVERSAMPLING; dy++) {
          int at = (y * OVERSAMPLING + dy) * drawn + x * OVERSAMPLING;
          for (int dx = 0; dx < OVERSAMPLING; dx++) {
            int pixel = argb[at + dx];
            red += pixel >> 16 & 255;
            green += pixel >> 8 & 255;
            blue += pixel & 255;
          }
        }
        rgb[out++] = (byte) (red / area);
        rgb[out++] = (byte) (green / area);
        rgb[out++] = (byte) (blue / area);
      }
    }
  }
}
