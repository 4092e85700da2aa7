package org.peltast.evaluate;

import java.util.HashSet;
import java.util.List;

/**
 * The shape of a judge; with its weights, all that is needed to rebuild it.
 *
 * @param name what figures are labelled with: "emoji-clip"
 * @param textEncoder the id of the text encoder whose features the text tower reads: a generator's,
 *     or {@link HashedNGrams}, with which the judge shares none
 * @param textWidth features of a token of that encoder
 * @param textHidden width of the text tower's hidden layer
 * @param imageSize side of the square pictures that the image tower sees, a multiple of 16
 * @param imageWidths channels at sizes 1/2, 1/4, 1/8 and 1/16, multiples of 8; the last is the
 *     number of features
 * @param embedding width of the space that both towers share
 * @param families the styles that it tells apart, in the order of the head's outputs
 */
public record JudgeConfig(
    String name,
    String textEncoder,
    int textWidth,
    int textHidden,
    int imageSize,
    List<Integer> imageWidths,
    int embedding,
    List<String> families) {

  /** Checks the sizes. */
  public JudgeConfig {
    imageWidths = List.copyOf(imageWidths);
    families = List.copyOf(families);
    if (textWidth < 1 || textHidden < 1 || embedding < 1 || imageSize < 16 || imageSize % 16 != 0) {
      throw new EvaluationException(
          "A judge's widths must be positive and its image size a multiple of 16.");
    }
    if (imageWidths.size() != 4 || imageWidths.stream().anyMatch(w -> w < 8 || w % 8 != 0)) {
      throw new EvaluationException(
          "A judge's imageWidths must be four positive multiples of 8, but are "
              + imageWidths
              + ".");
    }
    if (families.isEmpty() || new HashSet<>(families).size() != families.size()) {
      throw new EvaluationException("A judge needs one family or more, each named once.");
    }
  }

  /**
   * The judge over a generator's text encoder: 64 px, 1.06 million weights, 128 features.
   *
   * @param textEncoder its id
   * @param textWidth its width
   */
  public static JudgeConfig emojiClip(String textEncoder, int textWidth, List<String> families) {
    return new JudgeConfig(
        "emoji-clip", textEncoder, textWidth, 256, 64, List.of(32, 64, 128, 128), 128, families);
  }

  /** The same with a text tower of its own over {@link HashedNGrams}: 1.23 million weights. */
  public static JudgeConfig emojiClipOwnText(List<String> families) {
    HashedNGrams own = new HashedNGrams();
    return new JudgeConfig(
        "emoji-clip-2", own.id(), own.width(), 72, 64, List.of(32, 64, 128, 128), 128, families);
  }

  /** d, the number of features of a picture. */
  public int features() {
    return imageWidths.get(3);
  }
}
