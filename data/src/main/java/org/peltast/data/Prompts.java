package org.peltast.data;

import java.util.List;

/**
 * Captions numbered from 0, with pictures ({@link CaptionedImages}) or without ({@link
 * PromptList}). Reading is safe from several threads, and the same number always gives the same.
 */
public interface Prompts {
  /** What the collection is, for logs and run folders, such as {@code emoji/train}. */
  String name();

  /** How many there are. */
  int size();

  /** All the captions of one number, at least one, the plainest first. */
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

  /** Names the content: equal for equal content in equal order, and different otherwise. */
  String checksum();
}
