package org.peltast.paper;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.peltast.runs.RunException;
import org.peltast.tensor.Tensor;
import org.peltast.training.Pictures;

/**
 * Many pictures of one size in one PNG file, sixteen in a row: to look at, and to measure again
 * with the same numbers.
 */
final class PictureSheet {
  private static final int COLUMNS = 16;

  private PictureSheet() {}

  /** Writes pictures [n, 3, H, W] in [0, 1], in one step. */
  static void write(Path file, Tensor images) {
    List<BufferedImage> all = Pictures.of(images);
    int width = all.get(0).getWidth();
    int height = all.get(0).getHeight();
    int columns = Math.min(COLUMNS, all.size());
    int rows = (all.size() + columns - 1) / columns;
    BufferedImage sheet =
        new BufferedImage(columns * width, rows * height, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < all.size(); i++) {
      int[] pixels = all.get(i).getRGB(0, 0, width, height, null, 0, width);
      sheet.setRGB(i % columns * width, i / columns * height, width, height, pixels, 0, width);
    }
    write(file, Pictures.png(sheet));
  }

  /** Writes a file in one step: a reader sees the old one or the new one. */
  static void write(Path file, byte[] bytes) {
    long process = ProcessHandle.current().pid(); // another may be writing the same
    Path draft = file.resolveSibling("." + file.getFileName() + "." + process + ".draft");
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      Files.write(draft, bytes);
      Files.move(draft, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
    }
  }

  /** The first n pictures of a sheet. */
  static List<BufferedImage> pictures(Path file, int n, int width, int height) {
    BufferedImage sheet = Pictures.read(file);
    int columns = sheet.getWidth() / width;
    List<BufferedImage> all = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      BufferedImage one = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
      int[] pixels =
          sheet.getRGB(i % columns * width, i / columns * height, width, height, null, 0, width);
      one.setRGB(0, 0, width, height, pixels, 0, width);
      all.add(one);
    }
    return all;
  }

  /** The same as a tensor [n, 3, H, W] float32 in [0, 1], in the caller's scope. */
  static Tensor read(Path file, int n, int width, int height) {
    float[] values = new float[n * 3 * height * width];
    int at = 0;
    for (BufferedImage picture : pictures(file, n, width, height)) {
      int[] rgb = picture.getRGB(0, 0, width, height, null, 0, width);
      for (int shift : new int[] {16, 8, 0}) {
        for (int pixel : rgb) {
          values[at++] = (pixel >> shift & 255) / 255f;
        }
      }
    }
    return Tensor.of(values, n, 3, height, width);
  }
}
