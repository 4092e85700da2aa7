package org.peltast.cli;

import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import org.peltast.models.text.MiniLmEncoder;
import org.peltast.tensor.Engine;

/**
 * Opens the native libraries that runs use, all of them, on the one thread that there is as a
 * command begins: tensors, the text encoder, and Java's own for fonts and pictures.
 *
 * <p>A library that is opened while threads are at work takes the dynamic linker's locks beside
 * whoever walks over the libraries at that moment. In the wrong order the two wait for each other,
 * and then everyone who asks the linker for anything waits for them.
 */
final class NativeLibraries {
  private NativeLibraries() {}

  /**
   * Opens those of tensors alone: benchmarks use no others, and measure what their process holds.
   */
  static void openTensors() {
    Engine.open();
  }

  /** Opens them; what cannot be opened is left to be told by whoever needs it. */
  static void open() {
    openTensors();
    MiniLmEncoder.openLibraries();
    try {
      openPictures();
    } catch (IOException | RuntimeException | LinkageError | InternalError e) {
      return; // as on a system without fonts: runs that draw nothing do not need them
    }
  }

  /** Draws a letter, writes and reads it, and converts a colour. */
  private static void openPictures() throws IOException {
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
