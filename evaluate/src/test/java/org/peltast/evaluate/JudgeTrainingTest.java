package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

class JudgeTrainingTest {
  private static final Shapes.Words WORDS = new Shapes.Words(24);
  private static int threads;

  /** One thread: the networks are tiny, and threads that wait for each other cost more. */
  @BeforeAll
  static void oneThread() {
    threads = Engine.threads();
    Engine.threads(1);
  }

  @AfterAll
  static void allThreads() {
    Engine.threads(threads);
  }

  static Tensor images(Shapes pictures, int... chosen) {
    int s = Shapes.SIZE;
    float[] pixels = new float[chosen.length * 3 * s * s];
    for (int i = 0; i < chosen.length; i++) {
      Augmentation.NONE.apply(pictures.rgb(chosen[i]), s, Rng.of(0), pixels, i * 3 * s * s);
    }
    return Tensor.of(pixels, chosen.length, 3, s, s);
  }

  @Test
  void learnsToTellConceptsAndFamiliesOfPicturesItHasNotSeen() {
    Shapes train = new Shapes(8, 1);
    Shapes test = new Shapes(1, 2);
    JudgeBatches batches =
        new JudgeBatches(
            train, WORDS, Shapes.config(), 24, 3, new Augmentation(1, 0.05, 0.05, 0.02));
    try (Judge judge = Judge.create(Shapes.config(), Device.CPU, Rng.of(4));
        Scope scope = Scope.open()) {
      JudgeTraining.Losses first = null;
      JudgeTraining.Losses last = null;
      try (JudgeTraining training =
          new JudgeTraining(judge, new JudgeTraining.Settings(3e-3, 10, 0.01, 1, 0.5))) {
        for (int update = 0; update < 160; update++) {
          try (Scope one = Scope.open()) {
            last = training.update(update, 160, batches.at(update), () -> {});
          }
          first = first == null ? last : first;
        }
      }
      assertThat(last.loss()).isLessThan(0.5 * first.loss());
      int n = test.size();
      int[] all = IntStream.range(0, n).toArray();
      Judge.Sight sight = judge.see(images(test, all));
      List<String> captions = IntStream.range(0, n).mapToObj(i -> test.captions(i).get(0)).toList();
      FeatureTable texts = judge.read(WORDS, captions);
      double hits =
          Arrays.stream(Retrieval.atK(sight.embeddings(), texts, all, 1)).average().orElseThrow();
      assertThat(hits).isGreaterThan(0.8); // 1 of 24 by chance
      assertThat(sight.families()).isEqualTo(IntStream.range(0, n).mapToObj(test::family).toList());
    }
  }

  @Test
  void aRestoredTrainingGoesOnToTheSameBits() {
    Shapes train = new Shapes(2, 1);
    JudgeBatches batches = new JudgeBatches(train, WORDS, Shapes.config(), 16, 3);
    JudgeTraining.Settings settings = JudgeTraining.Settings.defaults();
    try (Judge a = Judge.create(Shapes.config(), Device.CPU, Rng.of(4));
        Judge b = Judge.create(Shapes.config(), Device.CPU, Rng.of(5));
        JudgeTraining whole = new JudgeTraining(a, settings);
        JudgeTraining resumed = new JudgeTraining(b, settings);
        Scope scope = Scope.open()) {
      for (int update = 0; update < 3; update++) {
        whole.update(update, 6, batches.at(update), () -> {});
      }
      resumed.restore(whole.state(), whole.steps());
      JudgeBatches fresh = new JudgeBatches(train, WORDS, Shapes.config(), 16, 3);
      for (int update = 3; update < 6; update++) {
        JudgeTraining.Losses one = whole.update(update, 6, batches.at(update), () -> {});
        assertThat(resumed.update(update, 6, fresh.at(update), () -> {})).isEqualTo(one);
      }
      a.parameters()
          .values()
          .forEach(
              (name, value) ->
                  assertThat(b.parameters().values().get(name).toFloats())
                      .as(name)
                      .isEqualTo(value.toFloats()));
    }
  }

  @Test
  void batchesAreAFunctionOfSeedAndUpdateAndGoThroughAllPictures() {
    Shapes pictures = new Shapes(1, 1); // 24
    try (Scope scope = Scope.open()) {
      JudgeBatches a = new JudgeBatches(pictures, WORDS, Shapes.config(), 12, 7);
      JudgeBatches b = new JudgeBatches(pictures, WORDS, Shapes.config(), 12, 7);
      float[] late = a.at(5).images().toFloats();
      a.at(0);
      assertThat(a.at(5).images().toFloats()).isEqualTo(late);
      assertThat(b.at(5).images().toFloats()).isEqualTo(late);
      assertThat(b.at(5).text().toFloats()).isEqualTo(a.at(5).text().toFloats());
      assertThat(b.at(4).images().toFloats()).isNotEqualTo(late);
      assertThat(a.perEpoch()).isEqualTo(2);
      long nights =
          Arrays.stream(a.at(2).families().toLongs()).sum()
              + Arrays.stream(a.at(3).families().toLongs()).sum();
      assertThat(nights).isEqualTo(12); // of each epoch's 24 pictures
    }
  }

  @Test
  void picturesOfOneConceptAndFamilyAreNoNegatives() {
    Shapes pictures = new Shapes(2, 1); // every (concept, family) twice
    try (Scope scope = Scope.open()) {
      JudgeBatch batch = new JudgeBatches(pictures, WORDS, Shapes.config(), 48, 7).at(0);
      float[] same = batch.same().toFloats();
      for (int i = 0; i < 48; i++) {
        float sum = 0;
        for (int j = 0; j < 48; j++) {
          sum += same[i * 48 + j];
          assertThat(same[i * 48 + j]).isEqualTo(same[j * 48 + i]);
        }
        assertThat(same[i * 48 + i]).isZero();
        assertThat(sum).isEqualTo(1);
      }
    }
  }

  @Test
  void theRateRisesThenFallsToZero() {
    JudgeTraining.Settings s = new JudgeTraining.Settings(1e-3, 10, 0, 1, 0.5);
    assertThat(s.rate(0, 110)).isEqualTo(1e-4, within(1e-12));
    assertThat(s.rate(10, 110)).isEqualTo(1e-3, within(1e-12));
    assertThat(s.rate(60, 110)).isEqualTo(5e-4, within(1e-12));
    assertThat(s.rate(110, 110)).isEqualTo(0, within(1e-12));
  }

  @Test
  void aPictureIsSeenAloneAsInABatchAndLargerOnesAreReduced() {
    Shapes pictures = new Shapes(3, 1);
    try (Judge judge = Judge.create(Shapes.config(), Device.CPU, Rng.of(4));
        Scope scope = Scope.open()) {
      Tensor all = images(pictures, IntStream.range(0, 70).toArray());
      FeatureTable together = judge.see(all).features();
      FeatureTable alone = judge.see(all.narrow(0, 66, 1)).features();
      FeatureTable large = judge.see(all.narrow(0, 66, 1).upsampleNearest(48, 48)).features();
      assertThat(together.rows()).isEqualTo(70);
      for (int j = 0; j < together.width(); j++) {
        assertThat(together.at(66, j)).isEqualTo(alone.at(0, j), within(1e-5));
        assertThat(large.at(0, j)).isEqualTo(alone.at(0, j), within(1e-4));
      }
      assertThatThrownBy(() -> judge.see(Tensor.zeros(2, 3, 20, 20)))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("[n, 3, 16, 16]");
      assertThatThrownBy(() -> judge.see(all.mul(Double.NaN)))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("not finite");
      assertThatThrownBy(() -> judge.read(new Shapes.Words(8), List.of("red")))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("width 24");
    }
  }

  @Test
  void withoutAugmentationAPictureStaysAsItIs() {
    Shapes pictures = new Shapes(1, 1);
    byte[] rgb = pictures.rgb(5);
    int area = Shapes.SIZE * Shapes.SIZE;
    float[] planes = new float[3 * area];
    Augmentation.NONE.apply(rgb, Shapes.SIZE, Rng.of(1), planes, 0);
    for (int p = 0; p < area; p++) {
      for (int c = 0; c < 3; c++) {
        assertThat(planes[c * area + p]).isEqualTo((rgb[p * 3 + c] & 0xff) / 255f, within(1e-6f));
      }
    }
    float[] changed = new float[3 * area];
    Augmentation.SLIGHT.apply(rgb, Shapes.SIZE, Rng.of(1), changed, 0);
    assertThat(changed).isNotEqualTo(planes);
    for (float v : changed) {
      assertThat(v).isBetween(0f, 1f);
    }
  }
}
