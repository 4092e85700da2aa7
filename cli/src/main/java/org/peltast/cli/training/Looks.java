package org.peltast.cli.training;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Pictures of a run: rows of images [n, 3, H, W] in [0, 1] as one PNG. */
final class Looks {
  private static final int GAP = 2;

  private Looks() {}

  /** One PNG with a row of pictures for each tensor; all of one shape. */
  static byte[] grid(List<Tensor> rows, int columns) {
    int h = (int) rows.get(0).size(2);
    int w = (int) rows.get(0).size(3);
    int count = rows.stream().mapToInt(r -> (int) ((r.size(0) + columns - 1) / columns)).sum();
    BufferedImage image =
        new BufferedImage(
            columns * (w + GAP) + GAP, count * (h + GAP) + GAP, BufferedImage.TYPE_INT_RGB);
    int line = 0;
    for (Tensor row : rows) {
      float[] values;
      try (Scope scope = Scope.open()) {
        values = row.clamp(0, 1).toFloats();
      }
      for (int n = 0; n < row.size(0); n++) {
        int x0 = GAP + (n % columns) * (w + GAP);
        int y0 = GAP + (line + n / columns) * (h + GAP);
        for (int y = 0; y < h; y++) {
          for (int x = 0; x < w; x++) {
            int rgb = 0;
            for (int c = 0; c < 3; c++) {
              rgb = rgb << 8 | Math.round(255 * values[((n * 3 + c) * h + y) * w + x]);
            }
            image.setRGB(x0 + x, y0 + y, rgb);
          }
        }
      }
      line += (int) ((row.size(0) + columns - 1) / columns);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** Writes a picture below a run's folder. */
  static void write(Path file, byte[] png) {
    try {
      Files.createDirectories(file.getParent());
      Files.write(file, png);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), e);
    }
  }
}
