package org.peltast.data;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Which (family, concept) pairs are kept from training. Both halves of such a pair are seen in
 * training, the concept in at least two other families, but never together: a model that draws it
 * has composed it.
 *
 * <p>A pair is drawn by its own checksum, and whether it is held out depends on nothing but its
 * concept's families. So the split is the same on every machine, and a part of the corpus that
 * holds whole concepts has its part of the split.
 */
final class HeldOut {
  /** Changes whenever the rule does. */
  static final String VERSION = "split-1";

  /** Changes whenever the rule of {@link #validation} does. */
  static final String VALIDATION_VERSION = "validation-1";

  /**
   * The share of drawn pairs among the concepts of three families or more; over all the pairs, of
   * which many have a rarer concept, it comes to about 5 %.
   */
  private static final double SHARE = 0.0525;

  /** The families besides in which a held-out pair's concept stays in training. */
  static final int OTHER_FAMILIES = 2;

  /** One (family, concept) pair. */
  record Pair(String family, String concept) {
    Pair(CaptionedImages.Item item) {
      this(item.family(), item.concept());
    }

    double draw(String version) {
      return ContentHash.fraction(version + "\n" + family + "\n" + concept);
    }
  }

  private HeldOut() {}

  /** The pairs to hold out: the test split. */
  static Set<Pair> of(List<CaptionedImages.Item> items) {
    return drawn(VERSION, items, Set.of());
  }

  /**
   * The pairs to choose hyper-parameters on: drawn by the same rule from what {@link #of} leaves,
   * so that none of them is a test pair, and the concepts of both stay in training.
   *
   * @param test what {@link #of} holds out
   */
  static Set<Pair> validation(List<CaptionedImages.Item> items, Set<Pair> test) {
    return drawn(VALIDATION_VERSION, items, test);
  }

  private static Set<Pair> drawn(
      String version, List<CaptionedImages.Item> items, Set<Pair> without) {
    Map<String, Set<String>> families = new TreeMap<>();
    for (CaptionedImages.Item item : items) {
      if (!without.contains(new Pair(item))) {
        families.computeIfAbsent(item.concept(), key -> new TreeSet<>()).add(item.family());
      }
    }
    Set<Pair> drawn = new HashSet<>();
    families.forEach(
        (concept, in) -> {
          List<Pair> pairs = new ArrayList<>();
          in.forEach(family -> pairs.add(new Pair(family, concept)));
          pairs.sort(
              Comparator.<Pair>comparingDouble(pair -> pair.draw(version))
                  .thenComparing(Pair::family));
          // Every held-out pair of the concept needs the same two families left, whichever they
          // are.
          pairs.stream()
              .limit(Math.max(0, pairs.size() - OTHER_FAMILIES))
              .filter(pair -> pair.draw(version) < SHARE)
              .forEach(drawn::add);
        });
    return drawn;
  }
}
