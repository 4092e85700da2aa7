package org.peltast.data;

import java.util.List;

/**
 * Pictures of one size with their captions, numbered from 0. Reading is safe from several threads,
 * and the same number always gives the same picture and captions.
 */
public interface CaptionedImages {
  /** What the collection is, for logs and run folders, such as {@code emoji/train}. */
  String name();

  /** The number of pictures. */
  int size();

  /** The height of each picture in pixels. */
  int height();

  /** The width of each picture in pixels. */
  int width();

  /** What is known of a picture. */
  Item item(int index);

  /** All the captions of a picture, at least one, the plainest first. */
  List<String> captions(int index);

  /**
   * One of the captions.
   *
   * @param draw any number; equal numbers choose equally. See {@link Batches#captionDraw}.
   */
  default String caption(int index, long draw) {
    List<String> captions = captions(index);
    return captions.get((int) Long.remainderUnsigned(draw, captions.size()));
  }

  /**
   * Copies a picture.
   *
   * @param rgb receives the bytes [height][width][3], red first, 0 to 255
   * @param offset where in {@code rgb} the picture starts
   */
  void pixels(int index, byte[] rgb, int offset);

  /**
   * Names the content: equal for equal pictures and captions in equal order, and different
   * otherwise.
   */
  String checksum();

  /** The number of bytes of a picture: height × width × 3. */
  default int bytesPerImage() {
    return Math.multiplyExact(Math.multiplyExact(height(), width()), 3);
  }

  /**
   * What is known of a picture.
   *
   * @param family the style it is drawn in, such as {@code noto}; empty if unknown
   * @param concept what it shows, in words, such as {@code red apple}; the caption if unknown
   * @param source where it comes from: the drawing's name or the file's
   */
  record Item(String family, String concept, String source) {}
}
