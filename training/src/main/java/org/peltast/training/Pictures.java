package org.peltast.training;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import org.peltast.models.TextToImage;
import org.peltast.runs.RunException;
import org.peltast.tensor.Tensor;

/** Pictures between tensors, memory and PNG files. */
public final class Pictures {
  private Pictures() {}

  /** [n, 3, H, W] in [0, 1] (clamped) as n pictures. */
  public static List<BufferedImage> of(Tensor images) {
    int h = (int) images.size(2);
    int w = (int) images.size(3);
    List<BufferedImage> all = new ArrayList<>();
    for (byte[] rgb : TextToImage.rgb(images)) {
      BufferedImage image = new BufferedImage(w, h, BufferedImage.TYPE_INT_RGB);
      int[] pixels = new int[h * w];
      for (int i = 0; i < pixels.length; i++) {
        pixels[i] = (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8 | (rgb[3 * i + 2] & 255);
      }
      image.setRGB(0, 0, w, h, pixels, 0, w);
      all.add(image);
    }
    return all;
  }

  /** The bytes of a PNG file. */
  public static byte[] png(BufferedImage image) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      ImageIO.write(image, "png", out);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // memory does not fail
    }
    return out.toByteArray();
  }

  /**
   * Writes a PNG file, and its folder if there is none.
   *
   * @throws RunException if the disk refuses
   */
  public static void write(Path file, BufferedImage image) {
    try {
      Path folder = file.getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
      Files.write(file, png(image));
    } catch (IOException e) {
      throw new RunException("cannot write " + file + " (" + e.getMessage() + ")", e);
    }
  }

  /** Writes {@code 0000.png}, {@code 0001.png}, … into a folder, and says what they are called. */
  public static List<Path> writeAll(Path folder, List<BufferedImage> images) {
    List<Path> files = new ArrayList<>();
    for (int i = 0; i < images.size(); i++) {
      Path file = folder.resolve(String.format(Locale.ROOT, "%04d.png", i));
      write(file, images.get(i));
      files.add(file);
    }
    return files;
  }

  /**
   * Reads a PNG file that {@link #write} wrote.
   *
   * @throws RunException if it is gone or damaged
   */
  public static BufferedImage read(Path file) {
    try {
      BufferedImage image = ImageIO.read(new ByteArrayInputStream(Files.readAllBytes(file)));
      if (image != null) {
        return image;
      }
    } catch (IOException e) {
      throw new RunException("cannot read " + file + " (" + e.getMessage() + ")", e);
    }
    throw new RunException(file + " is no picture; delete it and run again");
  }
}
