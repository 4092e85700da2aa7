package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.peltast.distill.Batch;
import org.peltast.distill.LearningRate;
import org.peltast.distill.Metrics;
import org.peltast.distill.Role;
import org.peltast.distill.UpdateExecutor;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Range;
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

  /** All items of a batch. */
  private static Batch all(JudgeBatches batches, long draw) {
    return batches.at(draw, new Range(0, batches.size()));
  }

  private static Metrics update(
      UpdateExecutor executor, long update, long updates, JudgeBatches batches) {
    try (Scope scope = Scope.open()) {
      return executor.update(
          update, updates, List.of(all(batches, update)), Rng.of(1).fork(update), () -> {});
    }
  }

  /** What was noted, but for the clock's. */
  private static Map<String, Double> noted(Metrics metrics) {
    Map<String, Double> noted = new LinkedHashMap<>(metrics.values());
    noted.keySet().removeIf(name -> name.startsWith("seconds"));
    return noted;
  }

  @Test
  void learnsToTellConceptsAndFamiliesOfPicturesItHasNotSeen() {
    Shapes train = new Shapes(8, 1);
    Shapes test = new Shapes(1, 2);
    JudgeBatches batches =
        new JudgeBatches(
            train,
            WORDS,
            Shapes.config(),
            24,
            3,
            Device.CPU,
            new Augmentation(1, 0.05, 0.05, 0.02));
    try (Judge judge = Judge.create(Shapes.config(), Device.CPU, Rng.of(4));
        Scope scope = Scope.open()) {
      double first;
      double last = 0;
      try (JudgeTraining training =
          new JudgeTraining(judge, new JudgeTraining.Settings(3e-3, 10, 0.01, 1, 0.5))) {
        UpdateExecutor executor = new UpdateExecutor(training, 1);
        first = update(executor, 0, 160, batches).get("loss");
        for (int update = 1; update < 160; update++) {
          last = update(executor, update, 160, batches).get("loss");
        }
      }
      assertThat(last).isLessThan(0.5 * first);
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
    JudgeBatches batches = new JudgeBatches(train, WORDS, Shapes.config(), 16, 3, Device.CPU);
    JudgeTraining.Settings settings = JudgeTraining.Settings.defaults();
    try (Judge a = Judge.create(Shapes.config(), Device.CPU, Rng.of(4));
        Judge b = Judge.create(Shapes.config(), Device.CPU, Rng.of(5));
        JudgeTraining whole = new JudgeTraining(a, settings);
        JudgeTraining resumed = new JudgeTraining(b, settings);
        Scope scope = Scope.open()) {
      UpdateExecutor straight = new UpdateExecutor(whole, 1);
      for (int update = 0; update < 3; update++) {
        update(straight, update, 6, batches);
      }
      Role from = whole.trains().get(0);
      Role to = resumed.trains().get(0);
      to.restore(from.state(), from.counts());
      UpdateExecutor restored = new UpdateExecutor(resumed, 1);
      JudgeBatches fresh = new JudgeBatches(train, WORDS, Shapes.config(), 16, 3, Device.CPU);
      for (int update = 3; update < 6; update++) {
        Map<String, Double> one = noted(update(straight, update, 6, batches));
        assertThat(noted(update(restored, update, 6, fresh))).isEqualTo(one);
        assertThat(one)
            .containsOnlyKeys(
                "loss", "contrast", "family", "judge.gradientNorm", "judge.learningRate");
      }
      assertThat(to.counts()).isEqualTo(from.counts()).containsEntry("steps", "6");
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
      JudgeBatches a = new JudgeBatches(pictures, WORDS, Shapes.config(), 12, 7, Device.CPU);
      JudgeBatches b = new JudgeBatches(pictures, WORDS, Shapes.config(), 12, 7, Device.CPU);
      float[] late = all(a, 5).images().toFloats();
      all(a, 0);
      assertThat(all(a, 5).images().toFloats()).isEqualTo(late);
      assertThat(all(b, 5).images().toFloats()).isEqualTo(late);
      assertThat(all(b, 5).condition().features().toFloats())
          .isEqualTo(all(a, 5).condition().features().toFloats());
      assertThat(all(b, 4).images().toFloats()).isNotEqualTo(late);
      assertThat(a.perEpoch()).isEqualTo(2);
      long nights =
          Arrays.stream(all(a, 2).labels().get("family").toLongs()).sum()
              + Arrays.stream(all(a, 3).labels().get("family").toLongs()).sum();
      assertThat(nights).isEqualTo(12); // of each epoch's 24 pictures
    }
  }

  @Test
  void someItemsOfABatchAreThoseOfTheWhole() {
    try (Scope scope = Scope.open()) {
      JudgeBatches batches =
          new JudgeBatches(new Shapes(1, 1), WORDS, Shapes.config(), 12, 7, Device.CPU);
      Batch whole = all(batches, 3).narrow(new Range(5, 4));
      Batch part = batches.at(3, new Range(5, 4));
      assertThat(part.first()).isEqualTo(5);
      assertThat(part.images().toFloats()).isEqualTo(whole.images().toFloats());
      assertThat(part.condition().features().toFloats())
          .isEqualTo(whole.condition().features().toFloats());
      whole
          .labels()
          .forEach(
              (name, label) ->
                  assertThat(part.labels().get(name).toLongs())
                      .as(name)
                      .isEqualTo(label.toLongs()));
    }
  }

  @Test
  void picturesOfOneConceptAndFamilyAreNoNegatives() {
    Shapes pictures = new Shapes(2, 1); // every (concept, family) twice
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> labels =
          all(new JudgeBatches(pictures, WORDS, Shapes.config(), 48, 7, Device.CPU), 0).labels();
      float[] same = JudgeTraining.same(labels.get("family"), labels.get("concept")).toFloats();
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
    LearningRate rate = new JudgeTraining.Settings(1e-3, 10, 0, 1, 0.5).role().learningRate();
    assertThat(rate.at(0, 110)).isEqualTo(1e-4, within(1e-12));
    assertThat(rate.at(10, 110)).isEqualTo(1e-3, within(1e-12));
    assertThat(rate.at(60, 110)).isEqualTo(5e-4, within(1e-12));
    assertThat(rate.at(110, 110)).isEqualTo(0, within(1e-12));
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
