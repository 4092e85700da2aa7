package org.peltast.report;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/** The formats in which pictures are written, by the ending of a file's name. */
public enum PictureFormat {
  PNG(List.of("png")),
  JPEG(List.of("jpg", "jpeg")),
  /** Lossless. */
  WEBP(List.of("webp"));

  /** Of JPEG, from 0 to 1: artefacts are hardly seen. */
  private static final float QUALITY = 0.95f;

  private final List<String> endings;

  PictureFormat(List<String> endings) {
    this.endings = endings;
  }

  /** The format that a file's name ends with, whatever its case. */
  public static Optional<PictureFormat> of(Path file) {
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    for (PictureFormat format : values()) {
      if (format.endings.stream().anyMatch(e -> name.endsWith("." + e))) {
        return Optional.of(format);
      }
    }
    return Optional.empty();
  }

  /**
   * An opaque picture as the bytes of a file.
   *
   * @throws IOException if it is too large for the format
   */
  public byte[] encode(BufferedImage picture) throws IOException {
    return switch (this) {
      case PNG -> png(picture);
      case JPEG -> jpeg(picture);
      case WEBP -> webp(picture);
    };
  }

  private static byte[] png(BufferedImage picture) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(picture, "png", out);
    return out.toByteArray();
  }

  /** By the JDK's own encoder, whichever else is on the class path. */
  private static byte[] jpeg(BufferedImage picture) throws IOException {
    if (Math.max(picture.getWidth(), picture.getHeight()) > 0xffff) {
      throw new IOException("a JPEG picture has at most 65535 pixels on an edge");
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (var writers = ImageIO.getImageWritersByFormatName("jpeg"); writers.hasNext(); ) {
      ImageWriter writer = writers.next();
      if (!writer.getClass().getName().startsWith("com.sun.")) {
        continue;
      }
      ImageWriteParam parameters = writer.getDefaultWriteParam();
      parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      parameters.setCompressionQuality(QUALITY);
      try (ImageOutputStream stream = ImageIO.createImageOutputStream(out)) {
        writer.setOutput(stream);
        writer.write(null, new IIOImage(picture, null, null), parameters);
      } finally {
        writer.dispose();
      }
      return out.toByteArray();
    }
    throw new IOException("this Java has no JPEG encoder");
  }

  private static byte[] webp(BufferedImage picture) throws IOException {
    try {
      return WebpEncoder.encode(picture);
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
