package org.peltast.data;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Other names of the corpus's concepts, from the families that draw the same thing under another
 * name: of {@code bear}, {@code bear face}. A name that is itself a concept, or that two concepts
 * bear, means nothing certain and is left out.
 */
final class EmojiSynonyms {
  /** At most so many of a concept, so that its own name stays the commonest in captions. */
  private static final int MOST = 2;

  /** Families whose drawings are named in words; the others number or run together. */
  private static final Set<EmojiFamily> NAMING =
      Set.of(
          EmojiFamily.NOTO,
          EmojiFamily.NOTO_V1,
          EmojiFamily.FLUENT_FLAT,
          EmojiFamily.FLUENT_3D,
          EmojiFamily.TWEMOJI,
          EmojiFamily.EMOJI_ONE);

  private final Map<String, List<String>> byConcept;

  private EmojiSynonyms(Map<String, List<String>> byConcept) {
    this.byConcept = byConcept;
  }

  /** The other names that some items' drawings bear. */
  static EmojiSynonyms of(List<CaptionedImages.Item> items) {
    Set<String> concepts = new HashSet<>();
    Map<String, Set<String>> meanings = new TreeMap<>();
    for (CaptionedImages.Item item : items) {
      concepts.add(item.concept());
      if (EmojiFamily.ofId(item.family()).filter(NAMING::contains).isPresent()) {
        meanings
            .computeIfAbsent(EmojiListing.plain(item.source()), key -> new TreeSet<>())
            .add(item.concept());
      }
    }
    Map<String, List<String>> byConcept = new TreeMap<>();
    meanings.forEach(
        (name, of) -> {
          if (of.size() == 1 && !concepts.contains(name)) {
            List<String> names =
                byConcept.computeIfAbsent(of.iterator().next(), key -> new ArrayList<>());
            if (names.size() < MOST) {
              names.add(name);
            }
          }
        });
    return new EmojiSynonyms(byConcept);
  }

  /** The other names of a concept, often none. */
  List<String> of(String concept) {
    return byConcept.getOrDefault(concept, List.of());
  }

  /** How many concepts have other names. */
  int size() {
    return byConcept.size();
  }

  /** Names the content. */
  String checksum() {
    return ContentHash.of(List.of(byConcept.toString()));
  }
}
