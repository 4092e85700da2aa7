package org.peltast.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class MiniLmEncoderTest {
  private static MiniLmEncoder encoder;

  @BeforeAll
  static void load() {
    encoder = new MiniLmEncoder();
  }

  @AfterAll
  static void unload() {
    encoder.close();
  }

  @Test
  void similarSentencesLieCloserThanDifferentOnes() {
    float[] cat = encoder.encode("a cat sitting on a sofa").mean();
    float[] kitten = encoder.encode("a kitten lying on a couch").mean();
    float[] tax = encoder.encode("the annual income tax return").mean();
    assertThat(cosine(cat, kitten)).isGreaterThan(0.6);
    assertThat(cosine(cat, tax)).isLessThan(0.25);
    assertThat(cosine(cat, cat)).isCloseTo(1, within(1e-6));
  }

  /** The three sentences, and their float32 similarities, of the Sentence Transformers manual. */
  @Test
  void pooledFeaturesAgreeWithThePublishedModel() {
    float[] weather = encoder.encode("The weather is lovely today.").mean();
    float[] sunny = encoder.encode("It's so sunny outside!").mean();
    float[] stadium = encoder.encode("He drove to the stadium.").mean();
    assertThat(cosine(weather, sunny)).isCloseTo(0.6660, within(0.03));
    assertThat(cosine(weather, stadium)).isCloseTo(0.1046, within(0.03));
    assertThat(cosine(sunny, stadium)).isCloseTo(0.1411, within(0.03));
  }

  @Test
  void tokenIdsAreBertsAndBracketedBySpecialTokens() {
    assertThat(encoder.tokenIds("Hello, world!")).containsExactly(101, 7592, 1010, 2088, 999, 102);
    assertThat(encoder.encode("Hello, world!").tokens()).isEqualTo(6);
  }

  @Test
  void emptyPromptHasTheFeaturesOfItsSpecialTokens() {
    assertThat(encoder.tokenIds("")).containsExactly(101, 102);
    TokenFeatures empty = encoder.encode("");
    assertThat(empty.tokens()).isEqualTo(2);
    assertThat(empty.width()).isEqualTo(384).isEqualTo(encoder.width());
    assertThat(encoder.encode("  \n\t ")).isEqualTo(empty);
  }

  @Test
  void aPromptsFeaturesDoNotDependOnItsNeighbours() {
    List<String> prompts = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      prompts.add("a picture of " + "very ".repeat(i) + "small thing number " + i * 37);
    }
    List<TokenFeatures> together = encoder.encode(prompts);
    for (int i = 0; i < prompts.size(); i++) {
      assertThat(encoder.encode(prompts.get(i))).isEqualTo(together.get(i));
    }
    List<Integer> order = new ArrayList<>(IntStream.range(0, prompts.size()).boxed().toList());
    Collections.shuffle(order, new Random(3));
    List<TokenFeatures> shuffled = encoder.encode(order.stream().map(prompts::get).toList());
    for (int i = 0; i < order.size(); i++) {
      assertThat(shuffled.get(i)).isEqualTo(together.get(order.get(i)));
    }
  }

  @Test
  void aSecondEncoderGivesTheSameBytes() {
    try (MiniLmEncoder other = new MiniLmEncoder()) {
      assertThat(other.id()).isEqualTo(encoder.id());
      assertThat(other.encode("a red apple, noto style"))
          .isEqualTo(encoder.encode("a red apple, noto style"));
    }
  }

  @Test
  void aLongPromptKeepsItsBeginningAndTheClosingToken() {
    String sentence = "the quick brown fox jumps over the lazy dog ";
    long[] ids = encoder.tokenIds(sentence.repeat(5000));
    assertThat(ids).hasSize(32);
    assertThat(ids[0]).isEqualTo(101);
    assertThat(ids[31]).isEqualTo(102);
    TokenFeatures features = encoder.encode(sentence.repeat(5000));
    assertThat(features.tokens()).isEqualTo(32);
    assertThat(encoder.encode("x".repeat(100_000)).tokens()).isEqualTo(3); // one unknown word
    try (MiniLmEncoder longest = new MiniLmEncoder(512)) {
      assertThat(longest.encode(sentence.repeat(500)).tokens()).isEqualTo(512);
      assertThat(longest.encode("a cat").tokens()).isEqualTo(4);
      assertThat(longest.id()).isNotEqualTo(encoder.id());
    }
  }

  @Test
  void controlCharactersEmojiAndBrokenSurrogatesAreNoTrouble() {
    TokenFeatures plain = encoder.encode("a cat");
    assertThat(encoder.encode("a\u0000 ca\u0007t\u007f")).isEqualTo(plain);
    assertThat(encoder.encode("a\tcat\r\n")).isEqualTo(plain);
    assertThat(encoder.encode("a \ud83dcat\ude00")).isEqualTo(plain);
    assertThat(encoder.encode("\ud83d\ude00").tokens()).isGreaterThanOrEqualTo(3);
    for (float value : encoder.encode("a 😀 \u202e cat 猫 \u0301").values()) {
      assertThat(value).isFinite();
    }
  }

  @Test
  void idNamesModelLengthAndChecksum() {
    assertThat(encoder.id()).matches("minilm-l6-v2-q-32-[0-9a-f]{12}");
  }

  @Test
  void misuseIsOneSentence() {
    assertThatThrownBy(() -> new MiniLmEncoder(2)).hasMessageContaining("3 to 512");
    assertThatThrownBy(() -> new MiniLmEncoder(513)).hasMessageContaining("3 to 512");
    MiniLmEncoder closed = new MiniLmEncoder();
    closed.close();
    closed.close();
    assertThatThrownBy(() -> closed.encode("a cat"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
  }

  @Test
  void featuresAreValues() {
    TokenFeatures features = new TokenFeatures(new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
    features.values()[0] = 9;
    assertThat(features.at(0, 0)).isEqualTo(1);
    assertThat(features.at(2, 1)).isEqualTo(6);
    assertThat(features.mean()).containsExactly(3, 4);
    assertThatThrownBy(() -> features.at(0, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> new TokenFeatures(new float[5], 3, 2))
        .hasMessageContaining("[3, 2] cannot hold 5");
  }

  private static double cosine(float[] a, float[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }
}
