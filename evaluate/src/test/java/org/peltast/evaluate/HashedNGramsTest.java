package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;

class HashedNGramsTest {
  private static final HashedNGrams BAG = new HashedNGrams();

  private static double cosine(String a, String b) {
    float[] x = BAG.encode(a).values();
    float[] y = BAG.encode(b).values();
    double dot = 0;
    double xx = 0;
    double yy = 0;
    for (int i = 0; i < x.length; i++) {
      dot += x[i] * y[i];
      xx += x[i] * x[i];
      yy += y[i] * y[i];
    }
    return dot / Math.sqrt(xx * yy);
  }

  @Test
  void readsWordsTheirPartsAndTheirOrder() {
    assertThat(cosine("A red apple!", "a  RED apple")).isEqualTo(1, within(1e-6));
    assertThat(cosine("a red apple", "apple red a")).isBetween(0.7, 0.999);
    assertThat(cosine("a red apple", "a red apples"))
        .isGreaterThan(cosine("a red apple", "a red car"));
    assertThat(cosine("a red apple", "some blue boats")).isLessThan(0.25);
    float[] values = BAG.encode("a red apple").values();
    double squares = 0;
    for (float v : values) {
      squares += v * v;
    }
    assertThat(Math.sqrt(squares)).isEqualTo(8, within(1e-4));
    assertThat(BAG.encode(" ,. ").values()).hasSize(4096).containsOnly(0f);
    assertThat(BAG.encode("слон").values()).isEqualTo(BAG.encode("СЛОН").values());
  }

  @Test
  void aJudgeWithATextTowerOfItsOwnReadsBesideAnyGenerator() {
    JudgeConfig own =
        new JudgeConfig(
            "own", "ngrams-1-64", 64, 8, 16, Shapes.config().imageWidths(), 16, Shapes.FAMILIES);
    Shapes.Words generator = new Shapes.Words(24);
    try (Judge judge = Judge.create(own, Device.CPU, Rng.of(1));
        Judge other = Judge.create(Shapes.config(), Device.CPU, Rng.of(1))) {
      assertThat(judge.readsWith(generator).id()).isEqualTo("ngrams-1-64");
      assertThat(judge.read(judge.readsWith(generator), java.util.List.of("a", "b")).rows())
          .isEqualTo(2);
      assertThat(other.readsWith(generator)).isSameAs(generator);
      assertThatThrownBy(() -> other.readsWith(new Shapes.Words(25)))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("words-24, but was given words-25");
    }
    assertThat(HashedNGrams.ofId("ngrams-1-0")).isEmpty();
    assertThat(HashedNGrams.ofId("minilm-l6-v2-q-32-6ea94d8f890e")).isEmpty();
  }
}
