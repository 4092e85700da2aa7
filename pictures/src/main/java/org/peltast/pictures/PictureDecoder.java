package org.peltast.pictures;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.Transparency;
import java.awt.color.CMMException;
import java.awt.color.ColorSpace;
import java.awt.color.ProfileDataException;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBufferInt;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Decodes a picture file of any usual kind to plain RGB on white, or says why it cannot be used.
 */
public final class PictureDecoder {
  /** The most pixels to decode. */
  public static final long MAX_PIXELS = 64L << 20;

  /** What a pixel takes while it is decoded: eight bytes as read, four on white, four turned. */
  private static final int BYTES_PER_PIXEL = 16;

  /** Pixels are counted by so many, so that a count of them fits a semaphore. */
  private static final int BLOCK = 1 << 10;

  /** Blocks of pixels that may be decoded at once, on all cores together: half the heap's worth. */
  private static final int BLOCKS =
      (int) Math.max(1, Runtime.getRuntime().maxMemory() / 2 / BYTES_PER_PIXEL / BLOCK);

  private static final Semaphore ROOM = new Semaphore(BLOCKS, true);

  private static final long MAX_BYTES = 512L << 20;

  /** What the tag ExtraSamples of a TIFF file says of a channel beyond colours. */
  private static final int UNKNOWN = -1;

  private static final int UNSPECIFIED = 0;
  private static final int ASSOCIATED = 1;

  static {
    // Pictures are read from files already; a copy on the disk would serve nobody.
    ImageIO.setUseCache(false);
  }

  private PictureDecoder() {}

  /**
   * What a file says beside its pixels.
   *
   * @param orientation EXIF's, 1 to 8
   * @param extra the tag ExtraSamples of a TIFF file
   * @param canvas where the first frame lies, if there are more
   */
  private record Said(int orientation, int extra, @Nullable Canvas canvas) {}

  /** Why a picture is left out, in words that finish "The picture X …". */
  public static final class Unusable extends Exception {
    private static final long serialVersionUID = 1L;

    private final String reason;

    Unusable(String reason) {
      super(reason);
      this.reason = reason;
    }

    /** The words. */
    public String reason() {
      return reason;
    }
  }

  /** Packed pixels 0xRRGGBB [height][width]. */
  public static final class Decoded {
    public final int[] rgb;
    public final int width;
    public final int height;

    Decoded(int[] rgb, int width, int height) {
      this.rgb = rgb;
      this.width = width;
      this.height = height;
    }
  }

  /**
   * Decodes the first frame, upright. The size is read from the header, and refused if too large,
   * before a pixel is.
   *
   * @throws Unusable with the reason, if it is no picture, damaged or too large
   */
  public static Decoded decode(Path file) throws Unusable {
    byte[] head = {};
    try {
      long bytes = Files.size(file);
      if (bytes == 0) {
        throw new Unusable("is empty");
      }
      if (bytes > MAX_BYTES) {
        throw new Unusable(
            String.format(Locale.ROOT, "is a file of more than %d MB", MAX_BYTES >> 20));
      }
      head = head(file);
      if (PngPicture.is(head)) {
        try (ImageInputStream in = PngPicture.open(file)) {
          return decode(in, new Said(PictureOrientation.of(file), UNKNOWN, null));
        }
      }
      Said said =
          new Said(
              PictureOrientation.of(file),
              TiffDirectory.is(head)
                  ? TiffDirectory.of(file).value(TiffDirectory.EXTRA_SAMPLES)
                  : UNKNOWN,
              WebpPicture.is(head) ? WebpPicture.canvas(head, file) : null);
      byte[] webp = WebpPicture.withoutProfile(head, file);
      try (ImageInputStream in =
          webp == null ? stream(file) : new ByteArrayImageInputStream(webp)) {
        if (in == null || !ImageIO.getImageReaders(in).hasNext()) {
          throw new Unusable(PictureKinds.whatItIs(head));
        }
        return decode(in, said);
      }
    } catch (IOException | RuntimeException e) {
      // Image readers answer some broken files with any exception whatever.
      String kind = UnreadKinds.of(head, file);
      throw new Unusable(kind == null ? "cannot be decoded: " + reason(e) : kind);
    } catch (OutOfMemoryError e) {
      // Of a bomb: a few bytes beside the pixels that unpack to more than there is. Whatever was
      // unpacked is garbage by now.
      throw new Unusable("cannot be decoded: it unpacks to more than memory holds");
    }
  }

  private static String reason(Exception e) {
    String message =
        e.getMessage() == null ? "" : e.getMessage().replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    return message.isEmpty() ? e.getClass().getSimpleName() : message;
  }

  /** A name that Java cannot spell is none that it can open by its spelling, either. */
  private static @Nullable ImageInputStream stream(Path file) throws IOException {
    return file.toString().contains("\uFFFD")
        ? ImageIO.createImageInputStream(new ByteArrayInputStream(Files.readAllBytes(file)))
        : ImageIO.createImageInputStream(file.toFile());
  }

  private static byte[] head(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(PictureKinds.HEAD);
    }
  }

  /** By the first reader that can: what one refuses another may read. */
  private static Decoded decode(ImageInputStream in, Said said) throws IOException, Unusable {
    Exception first = null;
    for (Iterator<ImageReader> readers = ImageIO.getImageReaders(in); readers.hasNext(); ) {
      ImageReader reader = readers.next();
      try {
        in.seek(0);
        return decode(reader, in, said);
      } catch (IOException | RuntimeException e) {
        first = first == null ? e : first;
      } finally {
        reader.dispose();
      }
    }
    if (first instanceof RuntimeException runtime) {
      throw runtime;
    }
    throw first instanceof IOException io ? io : new IOException("no reader knows it");
  }

  /**
   * Whether a reader's warning says that pixels are missing or wrong. Of JPEG's many warnings only
   * libjpeg's of the coded data do; fill bytes, bytes between segments, a missing end marker after
   * the last row, odd profiles and thumbnails cost no pixel.
   */
  private static boolean isDamage(String warning, boolean jpeg) {
    String lower = warning.toLowerCase(Locale.ROOT);
    if (lower.contains("profile")) {
      return false;
    }
    List<String> words =
        jpeg
            ? List.of("premature end of data segment", "bad huffman code", "instead of rst")
            : List.of("premature", "truncated", "corrupt", "unexpected end");
    return words.stream().anyMatch(lower::contains);
  }

  private static Decoded decode(ImageReader reader, ImageInputStream in, Said said)
      throws IOException, Unusable {
    String format = reader.getFormatName().toLowerCase(Locale.ROOT);
    boolean jpeg = format.startsWith("jp");
    boolean[] damaged = new boolean[1];
    reader.addIIOReadWarningListener((source, warning) -> damaged[0] |= isDamage(warning, jpeg));
    reader.setInput(in, false, true);
    Canvas canvas = format.equals("gif") ? Canvas.ofGif(reader) : said.canvas();
    long width = canvas == null ? reader.getWidth(0) : canvas.width();
    long height = canvas == null ? reader.getHeight(0) : canvas.height();
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
      BufferedImage image = withAlphaAsSaid(reader.read(0), said.extra());
      if (image.getSampleModel().getSampleSize(0) > 16) {
        throw new Unusable(
            "has more than 16 bits a channel, of which nobody says what is white; save it with 8 or 16");
      }
      if (damaged[0]) {
        throw new Unusable("is cut short or corrupt");
      }
      return upright(onWhite(canvas == null ? image : canvas.around(image)), said.orientation());
    } finally {
      ROOM.release(blocks);
    }
  }

  /**
   * A fourth channel of a TIFF file is transparency if its tag ExtraSamples says so; colours may be
   * multiplied by it already.
   */
  private static BufferedImage withAlphaAsSaid(BufferedImage image, int extra) {
    ColorModel model = image.getColorModel();
    if (!(model instanceof ComponentColorModel)
        || !model.hasAlpha()
        || model.getNumComponents() != 4
        || (extra != UNSPECIFIED && (extra != ASSOCIATED || model.isAlphaPremultiplied()))) {
      return image;
    }
    WritableRaster raster = image.getRaster();
    if (extra == UNSPECIFIED) {
      raster =
          raster.createWritableChild(
              0, 0, image.getWidth(), image.getHeight(), 0, 0, new int[] {0, 1, 2});
    }
    boolean alpha = extra == ASSOCIATED;
    ColorModel said =
        new ComponentColorModel(
            model.getColorSpace(),
            alpha,
            alpha,
            alpha ? Transparency.TRANSLUCENT : Transparency.OPAQUE,
            model.getTransferType());
    return new BufferedImage(said, raster, alpha, null);
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
    int[] rgb;
    try {
      rgb = drawn(image);
    } catch (CMMException | ProfileDataException e) {
      rgb = drawn(withoutProfile(image, e)); // an embedded profile that is broken within
    }
    return new Decoded(rgb, width, height);
  }

  private static int[] drawn(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    BufferedImage plain = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = plain.createGraphics();
    try {
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, width, height);
      graphics.drawImage(image, 0, 0, null);
    } finally {
      graphics.dispose();
    }
    return ((DataBufferInt) plain.getRaster().getDataBuffer()).getData();
  }

  /** The same numbers taken as sRGB, as a picture without a profile has them. */
  private static BufferedImage withoutProfile(BufferedImage image, RuntimeException cause) {
    ColorModel model = image.getColorModel();
    if (!(model instanceof ComponentColorModel) || model.getNumColorComponents() != 3) {
      throw cause;
    }
    ColorModel plain =
        new ComponentColorModel(
            ColorSpace.getInstance(ColorSpace.CS_sRGB),
            model.hasAlpha(),
            model.isAlphaPremultiplied(),
            model.getTransparency(),
            model.getTransferType());
    return new BufferedImage(plain, image.getRaster(), model.isAlphaPremultiplied(), null);
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
