package org.peltast.paper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.models.ModelFolder;
import org.peltast.models.TextToImage;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.Progress;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.testing.TinyModel;
import org.peltast.training.Corpus;
import org.peltast.training.DistillRecipe;
import org.peltast.training.Pictures;
import org.peltast.training.StudentTraining;

/** What a run measures of pictures by itself: moments of real data, and its student's drift. */
class OwnPicturesTest {
  /** Grey values of the pictures' left and right halves. */
  private static final int[][] GREYS = {{0, 255}, {51, 153}, {102, 102}};

  @TempDir Path folder;

  @BeforeEach
  void draw() throws Exception {
    TinyModel.write(folder.resolve("teacher"));
    for (int p = 0; p < GREYS.length; p++) {
      BufferedImage picture =
          new BufferedImage(TinyModel.EDGE, TinyModel.EDGE, BufferedImage.TYPE_INT_RGB);
      for (int y = 0; y < TinyModel.EDGE; y++) {
        for (int x = 0; x < TinyModel.EDGE; x++) {
          int grey = GREYS[p][x < TinyModel.EDGE / 2 ? 0 : 1];
          picture.setRGB(x, y, grey << 16 | grey << 8 | grey);
        }
      }
      Pictures.write(folder.resolve("pictures/" + p + ".png"), picture);
      Files.writeString(folder.resolve("pictures/" + p + ".txt"), "picture " + p);
    }
  }

  private DistillRecipe recipe(String... sets) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "steps=1",
                "precision=float32",
                "data.images=" + Recipes.quoted(folder.resolve("pictures").toString()),
                "data.size=" + TinyModel.EDGE,
                "method.ca.weight=0",
                "method.dm.weight=0",
                "method.meanVariance.weight=1",
                "method.meanVariance.moments=measured",
                "run.batch=1",
                "run.looksEvery=0",
                "run.updates=2"));
    all.addAll(List.of(sets));
    return Recipes.with(DistillRecipe.defaults(), all);
  }

  /** Runs and returns the log. */
  private List<MetricsLog.Line> run(DistillRecipe recipe, List<String> warnings) {
    try (TextToImage teacher =
            ModelFolder.open(folder.resolve("teacher"), Device.CPU, Precision.FLOAT32);
        RunFolder run = RunFolder.open(folder.resolve("run"), notice -> {});
        StudentTraining training = new StudentTraining(recipe, teacher)) {
      training.onWarning(warnings::add);
      training.run(
          Corpus.open(recipe.data(), Progress.NONE, notice -> {}), run, List.of(), () -> false);
      return MetricsLog.read(run.metrics());
    }
  }

  private static double number(MetricsLog.Line line, String name) {
    return ((Number) line.metrics().get(name)).doubleValue();
  }

  /** Mean and variance of a picture, averaged over the pictures, of an affine map of grey. */
  private static double[] moments(double factor, double offset) {
    double mean = 0;
    double variance = 0;
    for (int[] halves : GREYS) {
      double a = factor * halves[0] / 255 + offset;
      double b = factor * halves[1] / 255 + offset;
      mean += (a + b) / 2 / GREYS.length;
      variance += (a - b) * (a - b) / 4 / GREYS.length;
    }
    return new double[] {mean, variance};
  }

  /** Equation 7 of one image from the logged moments of its latents. */
  @Test
  void theDivergenceIsFromTheMomentsOfTheRunsOwnPictures() {
    double[] real = moments(4, -2); // pixels to [−1, 1], divided by the deviation 0.5
    for (MetricsLog.Line line : run(recipe(), new ArrayList<>())) {
      double mean = number(line, "mean");
      double variance = number(line, "variance");
      double expected =
          0.5
              * (Math.log(real[1] / variance)
                  + (variance + (mean - real[0]) * (mean - real[0])) / real[1]
                  - 1);
      assertThat(number(line, "meanVarianceLoss")).isCloseTo(expected, within(1e-4 * expected));
    }
  }

  /**
   * The pixel codec's pictures are (z · 0.5 + 1) / 2, so their moments follow from the latents'.
   */
  @Test
  void theDivergenceOfPicturesIsFromTheirOwnMoments() {
    double[] real = moments(1, 0);
    for (MetricsLog.Line line :
        run(recipe("method.meanVariance.space=pixels"), new ArrayList<>())) {
      double mean = number(line, "mean") / 4 + 0.5;
      double variance = number(line, "variance") / 16;
      double expected =
          0.5
              * (Math.log(real[1] / variance)
                  + (variance + (mean - real[0]) * (mean - real[0])) / real[1]
                  - 1);
      assertThat(number(line, "meanVarianceLoss")).isCloseTo(expected, within(1e-3 * expected));
    }
  }

  @Test
  void driftIsLoggedTheBestIsKeptAndPatienceEndsTheRun() {
    List<MetricsLog.Line> log =
        run(
            recipe(
                "student.learningRate=1e-12", // nothing improves
                "guard.drift.every=1",
                "guard.drift.prompts=2",
                "guard.drift.keepBest=true",
                "guard.drift.patience=2",
                "run.updates=9"),
            new ArrayList<>());
    assertThat(log).hasSize(3);
    assertThat(log)
        .allSatisfy(
            line ->
                assertThat(line.metrics())
                    .containsKeys("drift", "drift.saturation", "drift.diversity", "best.drift"));
    assertThat(folder.resolve("run/best/model_index.json")).exists();
    try (TextToImage best =
        ModelFolder.open(folder.resolve("run/best"), Device.CPU, Precision.FLOAT32)) {
      assertThat(best.defaults().grid().size()).isEqualTo(1);
    }
  }

  @Test
  void aStudentThatDriftsIsToldWhatItMostLikelyComesFrom() {
    List<String> warnings = new ArrayList<>();
    run(
        recipe(
            "student.learningRate=0.05",
            "guard.explosion=0",
            "guard.drift.every=1",
            "guard.drift.limit=0.001",
            "guard.drift.prompts=2",
            "run.updates=3"),
        warnings);
    assertThat(warnings)
        .isNotEmpty()
        .allSatisfy(w -> assertThat(w).contains("After update ", "likely cause: "));
  }

  @Test
  void withoutAConditionTheEngineAloneIsRefused() {
    assertThatThrownBy(
            () ->
                recipe("unconditional=true", "method.ca.weight=1", "method.meanVariance.weight=0"))
        .hasMessageContaining("there is no guidance for ca to learn from");
  }

  @Test
  void sheetsOfPicturesAreReadAsTheyWereWritten() {
    Path file = folder.resolve("sheet.png");
    try (Scope scope = Scope.open()) {
      float[] values = new float[20 * 3 * 4 * 2];
      for (int i = 0; i < values.length; i++) {
        values[i] = (i % 256) / 255f;
      }
      Tensor images = Tensor.of(values, 20, 3, 4, 2);
      PictureSheet.write(file, images);
      assertThat(PictureSheet.read(file, 20, 2, 4).toFloats()).containsExactly(values);
      assertThat(PictureSheet.read(file, 3, 2, 4).toFloats())
          .containsExactly(Arrays.copyOf(values, 3 * 24));
    }
  }
}
