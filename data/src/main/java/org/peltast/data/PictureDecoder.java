package org.peltast.data;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Decodes a picture file of any usual kind to plain RGB on white, or says why it cannot be used.
 */
final class PictureDecoder {
  /** The most pixels to decode. */
  static final long MAX_PIXELS = 64L << 20;

  /** What a pixel takes while it is decoded: eight bytes as read, four on white, four turned. */
  private static final int BYTES_PER_PIXEL = 16;

  /** Pixels are counted by so many, so that a count of them fits a semaphore. */
  private static final int BLOCK = 1 << 10;

  /** Blocks of pixels that may be decoded at once, on all cores together: half the heap's worth. */
  private static final int BLOCKS =
      (int) Math.max(1, Runtime.getRuntime().maxMemory() / 2 / BYTES_PER_PIXEL / BLOCK);

  private static final Semaphore ROOM = new Semaphore(BLOCKS, true);

  private static final long MAX_BYTES = 512L << 20;

  static {
    // Pictures are read from files already; a copy on the disk would serve nobody.
    ImageIO.setUseCache(false);
  }

  private PictureDecoder() {}

  /** Why a picture is left out, in words that finish "The picture X …". */
  static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;

    Unusable(String reason) {
      super(reason);
      this.reason = reason;
    }

    String reason() {
      return reason;
    }
  }

  /** Packed pixels 0xRRGGBB [height][width]. */
  static final class Decoded {
    final int[] rgb;
    final int width;
    final int height;

    Decoded(int[] rgb, int width, int height) {
      this.rgb = rgb;
      this.width = width;
      this.height = height;
    }
  }

  /**
   * Decodes the first frame, upright. The size is read from the header, and refused if too large,
   * before a pixel is.
   */
  static Decoded decode(Path file) throws Unusable {
    try {
      long bytes = Files.size(file);
      if (bytes == 0) {
        throw new Unusable("is empty");
      }
      if (bytes > MAX_BYTES) {
        throw new Unusable(
            String.format(Locale.ROOT, "is a file of more than %d MB", MAX_BYTES >> 20));
      }
      try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
        return decode(in, ExifOrientation.of(file));
      }
    } catch (IOException e) {
      throw new Unusable("cannot be decoded: " + reason(e));
    } catch (RuntimeException e) {
      // Image readers answer some broken files with any exception whatever.
      throw new Unusable("cannot be decoded: " + reason(e));
    } catch (OutOfMemoryError e) {
      // Of a bomb: a few bytes beside the pixels that unpack to more than there is. Whatever was
      // unpacked is garbage by now.
      throw new Unusable("cannot be decoded: it unpacks to more than memory holds");
    }
  }

  private static String reason(Exception e) {
    String message = e.getMessage() == null ? "" : CaptionText.oneLine(e.getMessage());
    return message.isEmpty() ? e.getClass().getSimpleName() : message;
  }

  private static Decoded decode(@Nullable ImageInputStream in, int orientation)
      throws IOException, Unusable {
    Iterator<ImageReader> readers = in == null ? null : ImageIO.getImageReaders(in);
    if (readers == null || !readers.hasNext()) {
      throw new Unusable("is no PNG, JPEG, WebP, GIF or BMP picture");
    }
    ImageReader reader = readers.next();
    try {
      boolean[] cut = new boolean[1];
      reader.addIIOReadWarningListener(
          (source, warning) -> {
            String lower = warning.toLowerCase(Locale.ROOT);
            if (lower.contains("premature")
                || lower.contains("truncated")
                || lower.contains("corrupt")
                || lower.contains("unexpected end")) {
              cut[0] = true;
            }
          });
      reader.setInput(in, true, false);
      long width = reader.getWidth(0);
      long height = reader.getHeight(0);
      if (width < 1 || height < 1 || width * height > MAX_PIXELS) {
        throw new Unusable(
            String.format(
                Locale.ROOT,
                "says that it has %d × %d pixels; at most %d million are decoded",
                width,
                height,
                MAX_PIXELS >> 20));
      }
      int blocks = (int) (1 + width * height / BLOCK);
      if (blocks > BLOCKS) {
        throw new Unusable(
            String.format(
                Locale.ROOT,
                "has %d × %d pixels, more than memory holds; make it smaller, or give the Java heap more",
                width,
                height));
      }
      ROOM.acquireUninterruptibly(blocks);
      try {
        BufferedImage image = reader.read(0);
        if (cut[0]) {
          throw new Unusable("is cut short or corrupt");
        }
        return upright(onWhite(image), orientation);
      } finally {
        ROOM.release(blocks);
      }
    } finally {
      reader.dispose();
    }
  }

  private static Decoded onWhite(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    boolean grey =
        image.getColorModel().getColorSpace().getType() == ColorSpace.TYPE_GRAY
            && !(image.getColorModel() instanceof IndexColorModel)
            && image.getRaster().getNumBands() <= 2;
    if (grey) {
      return new Decoded(greyOnWhite(image), width, height);
    }
    BufferedImage plain = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = plain.createGraphics();
    try {
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, width, height);
      graphics.drawImage(image, 0, 0, null);
    } finally {
      graphics.dispose();
    }
    return new Decoded(
        ((DataBufferInt) plain.getRaster().getDataBuffer()).getData(), width, height);
  }

  /**
   * Java takes the values of grey pictures as linear light and would brighten them; files hold them
   * in the same scale as colours.
   */
  private static int[] greyOnWhite(BufferedImage image) {
    Raster raster = image.getRaster();
    int width = image.getWidth();
    int height = image.getHeight();
    int bands = raster.getNumBands();
    float most = (1 << image.getSampleModel().getSampleSize(0)) - 1;
    int[] rgb = new int[width * height];
    float[] row = new float[width * bands];
    for (int y = 0; y < height; y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        float value = row[x * bands] / most;
        float alpha = bands == 2 ? row[x * 2 + 1] / most : 1;
        if (bands == 2 && image.isAlphaPremultiplied() && alpha > 0) {
          value /= alpha;
        }
        int level = Math.round(255 * (value * alpha + 1 - alpha));
        rgb[y * width + x] = level << 16 | level << 8 | level;
      }
    }
    return rgb;
  }

  /** Applies an EXIF orientation, 1 to 8. */
  private static Decoded upright(Decoded image, int orientation) {
    if (orientation <= 1) {
      return image;
    }
    boolean transposed = orientation >= 5;
    boolean mirrorX = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    boolean mirrorY = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    int width = transposed ? image.height : image.width;
    int height = transposed ? image.width : image.height;
    int[] rgb = new int[width * height];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int atX = mirrorX ? width - 1 - x : x;
        int atY = mirrorY ? height - 1 - y : y;
        rgb[y * width + x] =
            transposed ? image.rgb[atX * image.width + atY] : image.rgb[atY * image.width + atX];
      }
    }
    return new Decoded(rgb, width, height);
  }
}
