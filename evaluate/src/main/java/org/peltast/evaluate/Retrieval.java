package org.peltast.evaluate;

/**
 * Retrieval@k: whether a picture's own caption is among the k nearest of all captions of the set.
 * It depends on the size of the set, so that only sets of equal size compare; by chance it is k/n.
 */
final class Retrieval {
  private Retrieval() {}

  /**
   * 1 or 0 a picture. Another caption counts as nearer if its cosine is greater; captions equal to
   * the picture's own in embedding are no competitors, and each competitor counts once.
   *
   * @param images unit vectors [n, e]
   * @param captions the distinct captions' unit vectors [m, e]
   * @param own each picture's caption, an index into {@code captions}
   */
  static double[] atK(FeatureTable images, FeatureTable captions, int[] own, int k) {
    double[] hits = new double[images.rows()];
    for (int i = 0; i < hits.length; i++) {
      double mine = images.dot(i, captions, own[i]);
      int nearer = 0;
      for (int j = 0; j < captions.rows(); j++) {
        if (j != own[i] && images.dot(i, captions, j) > mine) {
          nearer++;
        }
      }
      hits[i] = nearer < k ? 1 : 0;
    }
    return hits;
  }
}
