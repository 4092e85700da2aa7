package org.peltast.evaluate;

import java.util.Locale;
import java.util.stream.IntStream;

/**
 * How well pictures fit their captions: 100 · cos(image, caption), as CLIP scores are printed
 * (Hessel et al., 2021), but over our own judge.
 */
final class Alignment {
  private Alignment() {}

  /**
   * One score a picture.
   *
   * @param images unit vectors [n, e]
   * @param captions unit vectors [n, e], row by row the pictures' own
   */
  static double[] perImage(FeatureTable images, FeatureTable captions) {
    if (images.rows() != captions.rows() || images.width() != captions.width()) {
      throw new EvaluationException(
          String.format(
              Locale.ROOT,
              "Alignment needs one caption a picture, but there are %d pictures and %d captions.",
              images.rows(),
              captions.rows()));
    }
    return IntStream.range(0, images.rows())
        .mapToDouble(i -> 100 * images.dot(i, captions, i))
        .toArray();
  }
}
