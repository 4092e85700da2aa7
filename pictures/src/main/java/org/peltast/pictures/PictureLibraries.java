package org.peltast.pictures;

import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;

/** Java's own native libraries for fonts and pictures, which it opens when they are first used. */
public final class PictureLibraries {
  private PictureLibraries() {}

  /**
   * Opens them: draws a letter, writes and reads it, and converts a colour.
   *
   * @throws IOException if a picture cannot be written in memory
   */
  public static void open() throws IOException {
    BufferedImage picture = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = picture.createGraphics();
    try {
      g.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
      g.drawString("a", 2, 12);
    } finally {
      g.dispose();
    }
    for (String format : new String[] {"png", "jpeg"}) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      ImageIO.write(picture, format, bytes);
      ImageIO.read(new ByteArrayInputStream(bytes.toByteArray()));
    }
    ColorSpace.getInstance(ColorSpace.CS_GRAY).fromRGB(new float[] {0, 0, 0});
  }
}
