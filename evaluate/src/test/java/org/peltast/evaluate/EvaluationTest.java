package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.JsonNode;

class EvaluationTest {
  private static final Shapes.Words WORDS = new Shapes.Words(24);
  private static final Shapes REAL = new Shapes(6, 1); // 144
  private static final Shapes OTHER = new Shapes(2, 2); // 48, each caption twice
  private static int threads;
  private static Judge judge;
  private static GaussianStatistics reference;

  @TempDir Path folder;

  @BeforeAll
  static void untrainedJudge() {
    threads = Engine.threads();
    Engine.threads(1);
    judge = Judge.create(Shapes.config(), Device.CPU, Rng.of(4));
    try (Scope scope = Scope.open()) {
      reference = GaussianStatistics.of(judge.see(all(REAL)).features());
    }
  }

  @AfterAll
  static void close() {
    judge.close();
    Engine.threads(threads);
  }

  private static Tensor all(Shapes shapes) {
    return JudgeTrainingTest.images(shapes, IntStream.range(0, shapes.size()).toArray());
  }

  private static List<Prompt> prompts(Shapes shapes) {
    return IntStream.range(0, shapes.size())
        .mapToObj(i -> new Prompt(shapes.captions(i).get(0), shapes.family(i)))
        .toList();
  }

  @Test
  void worsePicturesScoreWorseAndTheSamePicturesTheSame() {
    Evaluation evaluation = new Evaluation(judge, WORDS, reference, 9);
    try (Scope scope = Scope.open()) {
      Tensor good = all(OTHER);
      Scores real = evaluation.score(good, prompts(OTHER));
      Scores noisy =
          evaluation.score(good.add(Rng.of(3).normal(good.shape()).mul(0.3)), prompts(OTHER));
      Scores pale = evaluation.score(good.mul(0.5).add(0.25), prompts(OTHER));
      assertThat(noisy.frechet()).isGreaterThan(1.5 * real.frechet());
      assertThat(pale.frechet()).isGreaterThan(real.frechet());
      assertThat(pale.saturation()).isEqualTo(real.saturation() / 2, within(1e-6));
      assertThat(pale.variance()).isEqualTo(real.variance() / 4, within(1e-6));
      assertThat(pale.colourCast()).isEqualTo(real.colourCast() / 2, within(1e-6));
      assertThat(evaluation.score(all(OTHER), prompts(OTHER))).isEqualTo(real);
      assertThat(
              new Evaluation(judge, WORDS, reference, 10).score(good, prompts(OTHER)).intervals())
          .isNotEqualTo(real.intervals());
      assertThat(real.intervals().keySet())
          .containsExactly(
              "frechetBiasFree",
              "frechet",
              "alignment",
              "retrievalAt10",
              "familyAccuracy",
              "diversity",
              "vendi",
              "mean",
              "variance",
              "saturation",
              "colourCast");
      real.intervals()
          .forEach((name, i) -> assertThat(i.low()).as(name).isLessThanOrEqualTo(i.high()));
      assertThat(real.intervals().get("alignment").low()).isLessThan(real.alignment());
      assertThat(real.images()).isEqualTo(48);
      assertThat(real.judge()).isEqualTo("shapes");
    }
  }

  @Test
  void familyAccuracyAndDiversityAreAbsentWhereTheyMeanNothing() {
    Evaluation evaluation = new Evaluation(judge, WORDS, reference, 9);
    try (Scope scope = Scope.open()) {
      int[] one = IntStream.range(0, 24).toArray();
      List<Prompt> strange =
          IntStream.range(0, 24)
              .mapToObj(i -> new Prompt(OTHER.captions(i).get(0), "elsewhere"))
              .toList();
      Scores scores = evaluation.score(JudgeTrainingTest.images(OTHER, one), strange);
      assertThat(scores.familyAccuracy()).isNull();
      assertThat(scores.diversity()).isNull();
      JsonNode json = scores.toJson();
      assertThat(json.has("familyAccuracy")).isFalse();
      assertThat(json.get("frechet").asDouble()).isEqualTo(scores.frechet());
      assertThat(json.get("intervals").get("frechet").get("low").asDouble())
          .isEqualTo(scores.intervals().get("frechet").low());

      Tensor images = JudgeTrainingTest.images(OTHER, one);
      Measurement more =
          evaluation.measure(
              images, strange, null, new Evaluation.Samples(all(OTHER), prompts(OTHER)));
      double expected = evaluation.score(all(OTHER), prompts(OTHER)).diversity();
      assertThat(more.scores().diversity()).isEqualTo(expected, within(1e-12));
      assertThat(more.scores().vendi()).isBetween(1.0, 2.0);
      assertThat(more.scores().intervals()).containsKey("diversity");
      assertThat(more.scores().frechet()).isEqualTo(scores.frechet());
      assertThatThrownBy(
              () ->
                  evaluation.measure(
                      images,
                      strange,
                      null,
                      new Evaluation.Samples(images, prompts(OTHER).subList(0, 24))))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("every caption comes once");
    }
  }

  @Test
  void differencesAreOfTheSamePromptsAndSayWhatIsWorse() {
    Evaluation evaluation = new Evaluation(judge, WORDS, reference, 9);
    try (Scope scope = Scope.open()) {
      Tensor good = all(OTHER);
      FeatureTable real = judge.see(good).features();
      Tensor noisy = good.add(Rng.of(3).normal(good.shape()).mul(0.3));
      Measurement clean = evaluation.measure(good, prompts(OTHER), null, null);
      Measurement bad = evaluation.measure(noisy, prompts(OTHER), real, null);
      Measurement same = evaluation.measure(noisy, prompts(OTHER), real, null);
      assertThat(bad.scores().kid()).isPositive();
      assertThat(bad.scores().kidError()).isPositive();
      assertThat(clean.scores().kid()).isNull();
      assertThat(bad.minus(clean)).doesNotContainKey(Measure.KID);
      Difference worse = bad.minus(clean).get(Measure.FRECHET);
      assertThat(worse.value())
          .isEqualTo(bad.scores().frechet() - clean.scores().frechet(), within(1e-9));
      assertThat(worse.against("the clean ones")).isEqualTo("worse than the clean ones");
      assertThat(clean.minus(bad).get(Measure.FRECHET).verdict())
          .isEqualTo(Difference.Verdict.BETTER);
      bad.minus(same)
          .forEach(
              (measure, difference) -> {
                assertThat(difference.value()).as(measure.key()).isZero();
                assertThat(difference.verdict()).isEqualTo(Difference.Verdict.UNDECIDED);
              });
      // 48 pictures of 24 features are just enough to extrapolate.
      assertThat(bad.scores().frechetBiasFree()).isLessThan(bad.scores().frechet());
      for (Measure measure : Measure.values()) {
        assertThat(bad.scores().toJson().path(measure.key()).asDouble())
            .isEqualTo(bad.scores().of(measure));
      }
    }
  }

  @Test
  void theNoiseFloorFallsWithTheNumberOfPictures() {
    Evaluation evaluation = new Evaluation(judge, WORDS, reference, 9);
    try (Scope scope = Scope.open()) {
      FeatureTable real = judge.see(all(REAL)).features();
      Evaluation.NoiseFloor few =
          evaluation.noiseFloor(real.rows(IntStream.range(0, 30).toArray()), 8);
      Evaluation.NoiseFloor many = evaluation.noiseFloor(real, 8);
      assertThat(few.images()).isEqualTo(15);
      assertThat(many.images()).isEqualTo(72);
      assertThat(few.frechet().mean()).isGreaterThan(2 * many.frechet().mean());
      assertThat(few.frechetBiasFree()).isNull();
      assertThat(Math.abs(many.frechetBiasFree().mean())).isLessThan(many.frechet().mean() / 2);
      assertThat(many.kid().mean()).isEqualTo(0, within(2 * many.kid().deviation()));
      assertThat(evaluation.noiseFloor(real, 8)).isEqualTo(many);
      assertThat(few.toJson().has("frechetBiasFree")).isFalse();
      assertThatThrownBy(() -> evaluation.noiseFloor(real.rows(0, 1, 2), 8))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("there are 3 pictures");
    }
  }

  @Test
  void mismatchesAreNamed() {
    Evaluation evaluation = new Evaluation(judge, WORDS, reference, 9);
    try (Scope scope = Scope.open()) {
      assertThatThrownBy(() -> evaluation.score(all(OTHER), prompts(REAL)))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("the prompts 144");
      assertThatThrownBy(() -> new Evaluation(judge, new Shapes.Words(25), reference, 1))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("words-24");
      assertThatThrownBy(
              () ->
                  new Evaluation(
                      judge,
                      WORDS,
                      new GaussianStatistics(9, new double[2], new double[] {1, 0, 0, 1}),
                      1))
          .isInstanceOf(EvaluationException.class)
          .hasMessageContaining("2 features");
    }
  }

  @Test
  void aSavedJudgeSeesTheSameAndKnowsItsReference() throws IOException {
    JudgeFolder files = JudgeFolder.at(folder.resolve("judge"));
    files.save(judge, DType.FLOAT32);
    files.saveReference(reference, "shapes");
    try (Judge loaded = files.load(Device.CPU);
        Scope scope = Scope.open()) {
      assertThat(loaded.config()).isEqualTo(judge.config());
      FeatureTable before = judge.see(all(OTHER)).features();
      FeatureTable after = loaded.see(all(OTHER)).features();
      for (int j = 0; j < before.width(); j++) {
        assertThat(after.at(7, j)).isEqualTo(before.at(7, j));
      }
      GaussianStatistics back = files.reference();
      assertThat(back.count()).isEqualTo(144);
      assertThat(FrechetDistance.between(back, reference)).isLessThan(1e-4);

      // Other weights under the same statistics.
      try (Judge other = Judge.create(Shapes.config(), Device.CPU, Rng.of(5))) {
        byte[] statistics = Files.readAllBytes(folder.resolve("judge/reference.safetensors"));
        files.save(other, DType.FLOAT32);
        assertThatThrownBy(files::reference)
            .isInstanceOf(EvaluationException.class)
            .hasMessageContaining("is missing");
        Files.write(folder.resolve("judge/reference.safetensors"), statistics);
        assertThatThrownBy(files::reference)
            .isInstanceOf(EvaluationException.class)
            .hasMessageContaining("other weights");
      }
    }
  }

  @Test
  void halfTheSizeInBfloat16SeesNearlyTheSame() throws IOException {
    JudgeFolder files = JudgeFolder.at(folder);
    files.save(judge, DType.FLOAT32);
    long whole = Files.size(folder.resolve("model.safetensors"));
    files.save(judge, DType.BFLOAT16);
    assertThat(Files.size(folder.resolve("model.safetensors"))).isLessThan(whole * 6 / 10);
    try (Judge loaded = files.load(Device.CPU);
        Scope scope = Scope.open()) {
      FeatureTable before = judge.see(all(OTHER)).embeddings();
      FeatureTable after = loaded.see(all(OTHER)).embeddings();
      assertThat(Arrays.stream(Alignment.perImage(before, after)).min().orElseThrow())
          .isBetween(99.5, 100.0001);
    }
  }

  @Test
  void aDamagedFolderIsNamed() throws IOException {
    assertThatThrownBy(() -> JudgeFolder.at(folder).load(Device.CPU))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("config.json is missing")
        .hasMessageContaining("train judge");
    JudgeFolder files = JudgeFolder.at(folder);
    files.save(judge, DType.FLOAT32);
    String config = Files.readString(folder.resolve("config.json"));
    Files.writeString(folder.resolve("config.json"), config.replace("\"imageSize\"", "\"size\""));
    assertThatThrownBy(() -> files.load(Device.CPU)).isInstanceOf(EvaluationException.class);
    Files.writeString(
        folder.resolve("config.json"), config.replace("\"textWidth\" : 24", "\"textWidth\" : 25"));
    assertThatThrownBy(() -> files.load(Device.CPU))
        .isInstanceOf(EvaluationException.class)
        .hasMessageContaining("model.safetensors cannot be used");
    assertThat(Arrays.stream(folder.toFile().list()).sorted())
        .containsExactly("config.json", "model.safetensors");
  }
}
