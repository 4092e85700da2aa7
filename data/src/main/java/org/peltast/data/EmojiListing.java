package org.peltast.data;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Decides which drawings make the emoji corpus and what each shows.
 *
 * <p>The families name the same thing in different ways ({@code bear} and {@code bear-face}, {@code
 * flag-for-fiji} and {@code flag-fiji}). A drawing's name is therefore brought to plain words and
 * then, if one of its aliases in any of the sets is what more families call it, to that name.
 */
final class EmojiListing {
  /**
   * Tones of skin multiply people by five with nothing new in the caption. The fluent families
   * append the bare tone, which in the others can mean a colour.
   */
  private static final Pattern TONE = Pattern.compile(".*(skin-tone|-tone[1-5]).*");

  private static final Pattern FLUENT_TONE =
      Pattern.compile(".*-(light|medium|dark|medium-light|medium-dark)");

  /** Drawings without a picture: digits in white on nothing, and letters that are noto's own. */
  private static final Pattern NOTO_V1_UNFIT =
      Pattern.compile("digit-.*|letter-.*|asterisk|pound-symbol");

  private static final Pattern NUMBERED = Pattern.compile("(.*[a-z])-([1-9])");
  private static final Pattern IDS =
      Pattern.compile("id=\"[^\"]*\"|url\\(#[^)]*\\)|href=\"#[^\"]*\"");
  private static final Pattern FLAG = Pattern.compile("flag-(for-)?(flag-)?(.+)");

  private static final Pattern CLOCK =
      Pattern.compile(
          "(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (oclock|thirty)");
  private static final Pattern HAIR =
      Pattern.compile("(man|woman|person) ((?:red|curly|white|blonde?) hair|beard)");
  private static final Pattern POSSESSIVE = Pattern.compile("\\b(man|woman|men|women)(s)\\b");
  private static final Set<String> ZODIAC =
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
          "ophiuchus");
  private static final Map<String, String> CONCEPTS = table("concepts.tsv");

  /** What starts with "flag" and is not a country's. */
  private static final Set<String> OTHER_FLAGS =
      Set.of(
          "black-flag",
          "white-flag",
          "chequered-flag",
          "crossed-flags",
          "rainbow-flag",
          "triangular-flag",
          "pirate-flag",
          "transgender-flag",
          "unknown-flag");

  /** A drawing and what it shows, in words. */
  record Entry(Icon icon, String concept) {}

  private record Named(EmojiFamily family, Icon icon, String name) {}

  private EmojiListing() {}

  /** Reads the families' drawings and lists the corpus, in order of family, then of name. */
  static List<Entry> read() {
    Map<EmojiFamily, IconSet> sets = new EnumMap<>(EmojiFamily.class);
    for (EmojiFamily family : EmojiFamily.values()) {
      sets.put(family, IconSet.read(family.id(), name -> wanted(family, name)));
    }
    Map<String, String> firefoxNames = table("fxemoji-names.tsv");
    List<Named> drawings = new ArrayList<>();
    sets.forEach(
        (family, set) -> {
          for (Icon icon : set.icons()) {
            String name =
                switch (family) {
                  case FIREFOX -> firefoxNames.get(icon.name());
                  case STREAMLINE ->
                      streamlineName(icon.name(), set.categories().getOrDefault(icon.name(), ""));
                  default -> icon.name();
                };
            if (name != null) {
              drawings.add(new Named(family, icon, plain(name)));
            }
          }
        });
    return distinct(harmonised(drawings, neighbours(sets.values())));
  }

  private static boolean wanted(EmojiFamily family, String name) {
    return switch (family) {
      case FLUENT_FLAT, FLUENT_3D -> !FLUENT_TONE.matcher(name).matches();
      case NOTO_V1 -> !TONE.matcher(name).matches() && !NOTO_V1_UNFIT.matcher(name).matches();
      default -> !TONE.matcher(name).matches();
    };
  }

  /**
   * Streamline numbers its variants. Of people, the second and third are tones of skin; of things
   * they are other drawings. Its flags bear the country's name alone.
   */
  private static @Nullable String streamlineName(String name, String category) {
    Matcher numbered = NUMBERED.matcher(name);
    if (numbered.matches()) {
      if (category.equals("Smiley People") && !numbered.group(2).equals("1")) {
        return null;
      }
      name = numbered.group(1);
    }
    return category.equals("Flags") && !name.contains("flag") ? "flag-" + name : name;
  }

  /**
   * A name in words: blanks for hyphens, apostrophes, countries' flags as "flag of fiji", clocks as
   * "clock at six thirty", and whatever the list {@code concepts.tsv} says of it.
   */
  static String plain(String name) {
    name = name.replace(' ', '-');
    Matcher flag = FLAG.matcher(name);
    if (flag.matches() && !name.equals("flag-in-hole")) {
      String of = flag.group(3);
      name = OTHER_FLAGS.contains(of) ? of : "flag-of-" + of;
    }
    String words = name.replace('-', ' ');
    String listed = CONCEPTS.get(words);
    if (listed != null) {
      return listed;
    }
    if (ZODIAC.contains(words)) {
      return words + " zodiac sign";
    }
    Matcher clock = CLOCK.matcher(words);
    if (clock.matches()) {
      return "clock at "
          + clock.group(1)
          + (clock.group(2).equals("thirty") ? " thirty" : " o'clock");
    }
    Matcher hair = HAIR.matcher(words);
    if (hair.matches()) {
      return hair.group(1) + " with " + hair.group(2).replace("blonde", "blond");
    }
    return POSSESSIVE.matcher(words).replaceAll("$1'$2");
  }

  private static Map<String, Set<String>> neighbours(Iterable<IconSet> sets) {
    Map<String, Set<String>> neighbours = new HashMap<>();
    for (IconSet set : sets) {
      set.aliases()
          .forEach(
              (alias, name) -> {
                String a = plain(alias);
                String b = plain(name);
                neighbours.computeIfAbsent(a, key -> new TreeSet<>()).add(b);
                neighbours.computeIfAbsent(b, key -> new TreeSet<>()).add(a);
              });
    }
    return neighbours;
  }

  private static List<Named> harmonised(List<Named> drawings, Map<String, Set<String>> neighbours) {
    Map<String, Set<EmojiFamily>> families = new HashMap<>();
    for (Named drawing : drawings) {
      families.computeIfAbsent(drawing.name(), key -> new HashSet<>()).add(drawing.family());
    }
    List<Named> harmonised = new ArrayList<>();
    for (Named drawing : drawings) {
      String best = drawing.name();
      for (String other : neighbours.getOrDefault(drawing.name(), Set.of())) {
        Set<EmojiFamily> users = families.getOrDefault(other, Set.of());
        // A family that has both names draws two things.
        if (users.size() > families.getOrDefault(best, Set.of()).size()
            && !users.contains(drawing.family())) {
          best = other;
        }
      }
      harmonised.add(new Named(drawing.family(), drawing.icon(), best));
    }
    return harmonised;
  }

  /** Leaves out drawings that repeat another of the family, keeping the commonest name. */
  private static List<Entry> distinct(List<Named> drawings) {
    Map<String, Set<EmojiFamily>> families = new HashMap<>();
    for (Named drawing : drawings) {
      families.computeIfAbsent(drawing.name(), key -> new HashSet<>()).add(drawing.family());
    }
    Comparator<Named> order =
        Comparator.comparing(
                (Named drawing) -> -families.getOrDefault(drawing.name(), Set.of()).size())
            .thenComparing(Named::name)
            .thenComparing(drawing -> drawing.icon().name());
    Map<EmojiFamily, Map<String, Entry>> kept = new EnumMap<>(EmojiFamily.class);
    Set<String> bodies = new HashSet<>();
    for (Named drawing : drawings.stream().sorted(order).toList()) {
      Icon icon = drawing.icon();
      if (bodies.add(icon.family() + " " + withoutIds(icon.body()))) {
        kept.computeIfAbsent(drawing.family(), key -> new TreeMap<>())
            .put(icon.name(), new Entry(icon, drawing.name()));
      }
    }
    return kept.values().stream().flatMap(entries -> entries.values().stream()).toList();
  }

  /** Iconify gives every drawing's gradients ids of their own. */
  private static String withoutIds(String body) {
    return IDS.matcher(body).replaceAll("");
  }

  /** Reads a table of two columns from the jar, without its comments. */
  private static Map<String, String> table(String resource) {
    Map<String, String> table = new HashMap<>();
    try (InputStream in = EmojiListing.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new DataException(
            "The jar of peltast-data lacks the table " + resource + "; build it again.");
      }
      new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t", 2))
          .forEach(columns -> table.put(columns[0], columns[1]));
    } catch (IOException e) {
      throw new DataException(
          String.format(
              Locale.ROOT,
              "The table %s of the emoji corpus cannot be read: %s",
              resource,
              e.getMessage()),
          e);
    }
    return table;
  }
}
