package org.peltast.evaluate;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TokenFeatures;

/**
 * A hashed bag of words and character n-grams: the fixed part of a text tower of the judge's own,
 * which shares nothing with the text encoder of any generator. A {@link Judge}'s first text layer
 * over it is an embedding bag that is trained with the judge.
 *
 * <p>A caption is lower-cased (Unicode NFKC) and cut into words at everything that is neither
 * letter nor digit. Each word adds itself with weight 1 and, as in fastText (Bojanowski et al.,
 * 2017), the k n-grams of three and four characters of {@code <word>} with weight 1/√k; each pair
 * of neighbours adds itself with weight ½, so that order counts. A feature goes to one of D buckets
 * with a sign, both by hash (Weinberger et al., 2009: the sign makes collisions cancel on average).
 * The vector is scaled to the length {@value #LENGTH}; a caption without a word is zero.
 *
 * <p>The features of a prompt are one "token" [1, D]. Encoding takes microseconds, so nothing need
 * be kept.
 */
public final class HashedNGrams implements TextEncoder {
  /** Changes whenever features change. */
  private static final String NAME = "ngrams-1-";

  private static final Pattern ID = Pattern.compile(NAME + "(\\d{1,6})");
  private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}]+");
  private static final int DEFAULT_BUCKETS = 4096;
  private static final double PAIR = 0.5;

  /**
   * Long enough that a first layer initialised for dense inputs starts with outputs of some size.
   */
  private static final double LENGTH = 8;

  private final int buckets;

  /** A bag of {@value #DEFAULT_BUCKETS} buckets. */
  public HashedNGrams() {
    this(DEFAULT_BUCKETS);
  }

  /**
   * A bag.
   *
   * @param buckets D, at least 1
   */
  HashedNGrams(int buckets) {
    if (buckets < 1) {
      throw new EvaluationException("A bag of n-grams needs one bucket or more.");
    }
    this.buckets = buckets;
  }

  /** The bag of that {@link #id}, if it is one's. */
  static Optional<TextEncoder> ofId(String id) {
    Matcher match = ID.matcher(id);
    return match.matches() && Integer.parseInt(match.group(1)) > 0
        ? Optional.of(new HashedNGrams(Integer.parseInt(match.group(1))))
        : Optional.empty();
  }

  @Override
  public String id() {
    return NAME + buckets;
  }

  @Override
  public int width() {
    return buckets;
  }

  @Override
  public int maxTokens() {
    return 1;
  }

  @Override
  public List<TokenFeatures> encode(List<String> prompts) {
    return prompts.stream().map(this::bag).toList();
  }

  private TokenFeatures bag(String prompt) {
    List<String> words = words(prompt);
    double[] bag = new double[buckets];
    for (int i = 0; i < words.size(); i++) {
      add(bag, "w " + words.get(i), 1);
      List<String> grams = grams(words.get(i));
      grams.forEach(gram -> add(bag, "g " + gram, 1 / Math.sqrt(grams.size())));
      if (i > 0) {
        add(bag, "p " + words.get(i - 1) + " " + words.get(i), PAIR);
      }
    }
    double squares = 0;
    for (double v : bag) {
      squares += v * v;
    }
    double scale = squares == 0 ? 0 : LENGTH / Math.sqrt(squares);
    float[] values = new float[buckets];
    for (int i = 0; i < buckets; i++) {
      values[i] = (float) (bag[i] * scale);
    }
    return new TokenFeatures(values, 1, buckets);
  }

  private static List<String> words(String prompt) {
    Matcher matcher =
        WORD.matcher(Normalizer.normalize(prompt, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT));
    List<String> words = new ArrayList<>();
    while (matcher.find()) {
      words.add(matcher.group());
    }
    return words;
  }

  /** The n-grams of three and four characters of a word with its borders. */
  private static List<String> grams(String word) {
    int[] points = ("<" + word + ">").codePoints().toArray();
    List<String> grams = new ArrayList<>();
    for (int n = 3; n <= 4; n++) {
      for (int from = 0; from + n <= points.length; from++) {
        grams.add(new String(points, from, n));
      }
    }
    return grams;
  }

  private static void add(double[] bag, String feature, double weight) {
    long h = 0xcbf29ce484222325L; // FNV-1a
    for (byte b : feature.getBytes(StandardCharsets.UTF_8)) {
      h = (h ^ (b & 0xff)) * 0x100000001b3L;
    }
    h = (h ^ (h >>> 33)) * 0xff51afd7ed558ccdL; // its low bits alone are not mixed well
    h ^= h >>> 33;
    int bucket = (int) Long.remainderUnsigned(h >>> 1, bag.length);
    bag[bucket] += (h & 1) == 0 ? weight : -weight;
  }

  /** Holds nothing native. */
  @Override
  public void close() {}
}
