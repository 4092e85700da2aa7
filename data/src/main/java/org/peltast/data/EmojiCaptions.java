package org.peltast.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Says in natural words what an emoji shows and how it is drawn. */
final class EmojiCaptions {
  /** First words of concepts before which English puts no article, or which name one thing only. */
  private static final Set<String> BARE =
      Set.of(
          "aries",
          "taurus",
          "gemini",
          "cancer",
          "leo",
          "virgo",
          "libra",
          "scorpio",
          "sagittarius",
          "capricorn",
          "aquarius",
          "pisces",
          "ophiuchus",
          "letter",
          "keycap",
          "digit",
          "bacon",
          "bread",
          "butter",
          "rice",
          "cooked",
          "fog",
          "foggy",
          "fire",
          "men",
          "women",
          "people",
          "two",
          "three",
          "hundred",
          "one",
          "four",
          "five",
          "six",
          "seven",
          "eight",
          "nine",
          "ten",
          "eleven",
          "twelve",
          "mount",
          "saturn",
          "no",
          "non",
          "japanese",
          "input",
          "see",
          "hear",
          "speak",
          "money",
          "folded",
          "open",
          "bubble",
          "sushi",
          "tempura",
          "toilet",
          "zzz");

  private static final Set<String> PEOPLE = Set.of("man", "woman", "person", "boy", "girl");

  private EmojiCaptions() {}

  /**
   * The captions of an emoji, the plainest first; equally many for every emoji.
   *
   * @param concept in words, such as {@code red apple}
   * @param style in words, such as {@code fluent flat}
   */
  static List<String> of(String concept, String style) {
    String thing = withArticle(concept);
    return List.of(
        thing + ", " + style + " style",
        style + " emoji of " + thing,
        concept + ", in the style of " + style,
        "an emoji of " + thing + " in " + style + " style",
        concept + ", " + style);
  }

  /**
   * More captions of an emoji, for a training that should learn the words and not the templates:
   * the plainest first, then those of {@link #of}, other templates, one that leaves the family
   * open, and what other families call the same thing.
   *
   * @param synonyms other names of the concept, in words
   */
  static List<String> varied(String concept, String style, List<String> synonyms) {
    String thing = withArticle(concept);
    List<String> all = new ArrayList<>(of(concept, style));
    all.add(style + " style " + concept);
    all.add(thing + " drawn in " + style + " style");
    all.add(concept + " emoji, " + style);
    all.add(thing);
    for (String synonym : synonyms) {
      all.add(withArticle(synonym) + ", " + style + " style");
      all.add(style + " emoji of " + withArticle(synonym));
    }
    return List.copyOf(all);
  }

  private static String withArticle(String concept) {
    int space = concept.indexOf(' ');
    String first = space < 0 ? concept : concept.substring(0, space);
    String last = concept.substring(concept.lastIndexOf(' ') + 1);
    if (concept.startsWith("flag of ")) {
      return "the " + concept;
    }
    boolean plural = last.endsWith("s") && !last.endsWith("ss") && !last.endsWith("us");
    if (BARE.contains(first)
        || (plural && !concept.contains(" with ") && !PEOPLE.contains(first))
        || (first.endsWith("s") && concept.contains(" with "))
        || !Character.isLetter(first.charAt(0))) {
      return concept;
    }
    boolean vowel = "aeiou".indexOf(first.charAt(0)) >= 0;
    // A consonant is heard in "unicorn" and "uk", a vowel in "x-ray" and "sos".
    boolean consonantHeard = first.startsWith("uni") || first.startsWith("eu");
    boolean vowelHeard = Set.of("x", "hourglass", "sos", "ng", "mrs", "mx").contains(first);
    return ((vowel && !consonantHeard) || vowelHeard ? "an " : "a ") + concept;
  }
}
