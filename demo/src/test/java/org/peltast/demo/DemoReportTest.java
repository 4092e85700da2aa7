package org.peltast.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.compare.Differences;
import org.peltast.distill.Metrics;
import org.peltast.evaluate.Difference;
import org.peltast.evaluate.Interval;
import org.peltast.evaluate.Measure;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.training.DistillRecipe;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** What a report may say of two candidates, from figures that were made up. */
class DemoReportTest {
  @TempDir Path place;

  private static ObjectNode measured(double frechet) {
    ObjectNode json = JsonMapper.builder().build().createObjectNode();
    json.put("judge", "emoji-clip").put("images", 551).put("frechetBiasFree", frechet - 0.2);
    json.put("frechet", frechet).put("kid", 0.004).put("alignment", 40).put("retrievalAt10", 0.5);
    json.put("familyAccuracy", 0.5).put("diversity", 0.4).put("vendi", 1.2).put("mean", 0.5);
    json.put("variance", 0.1).put("saturation", 0.1).put("colourCast", 0.1).put("steps", 2);
    json.put("guidance", 1).put("evaluations", 2).put("denoiseMillis", 3).put("decodeMillis", 1);
    json.put("imagesPerSecond", 100);
    return json;
  }

  private static Difference difference(Measure measure, double low, double high) {
    return new Difference(measure, (low + high) / 2, new Interval(low, high));
  }

  private String report(String name, long seed, double student, Difference... differences)
      throws IOException {
    try (RunFolder folder = begun(name, seed, student, differences)) {
      DemoReport.write(folder);
      return Files.readString(folder.path().resolve("report.html"));
    }
  }

  private RunFolder begun(String name, long seed, double student, Difference... differences)
      throws IOException {
    RunFolder folder = RunFolder.open(place.resolve(name), notice -> {});
    String recipe = Recipes.over(DistillRecipe.defaults()).write(DistillRecipe.defaults());
    folder.writeRecipe(recipe.replaceFirst("(?m)^seed: .*$", "seed: " + seed));
    ObjectNode root = JsonMapper.builder().build().createObjectNode();
    root.put("updates", 10).put("prompts", 256).put("promptsInAll", 551).put("seed", seed);
    root.put("promptsAre", "held-out prompts").put("samples", 3).put("samplePrompts", 16);
    root.putObject("seconds").put("distil", 60);
    root.set("student", measured(student));
    for (String other : List.of("teacher", "teacherSameCost", "teacherSameSteps", "real")) {
      root.set(other, measured(1));
    }
    ObjectNode against = root.putObject("differences");
    against.set("teacher", Differences.toJson(List.of(differences)));
    Files.writeString(folder.path().resolve("metrics.json"), root.toString());
    return folder;
  }

  private static String words(String page) {
    return page.substring(page.indexOf("</style>")).replaceAll("<[^>]*>", " ");
  }

  @Test
  void betterAndWorseStandOnlyWhereTheIntervalExcludesZero() throws IOException {
    String open =
        words(
            report(
                "open",
                1,
                1.3,
                difference(Measure.FRECHET_BIAS_FREE, -0.1, 0.7),
                difference(Measure.ALIGNMENT, -1, 0.5)));
    assertThat(open)
        .contains("256 of 551 held-out prompts")
        .contains("the student: no difference shown from the teacher")
        .contains("Fréchet distance, bias-free +0.300 [-0.100, +0.700]: no difference shown");
    assertThat(open.replace("words such as better stand only where", ""))
        .doesNotContainPattern("(?i)\\b(better|worse|below|best)\\b");

    String decided =
        words(
            report(
                "decided",
                1,
                1.3,
                difference(Measure.FRECHET_BIAS_FREE, 0.1, 0.7),
                difference(Measure.ALIGNMENT, 0.2, 0.5)));
    assertThat(decided)
        .contains("the student: worse than the teacher")
        .contains("Fréchet distance, bias-free +0.400 [+0.100, +0.700]: worse")
        .contains("alignment +0.350 [+0.200, +0.500]: better");
  }

  @Test
  void severalSeedsGiveMeansWithStudentsInterval() throws IOException {
    Difference narrow = difference(Measure.FRECHET_BIAS_FREE, 0.19, 0.21);
    Difference wide = difference(Measure.FRECHET_BIAS_FREE, 0.59, 0.61);
    try (RunFolder one = begun("one", 1, 1.2, narrow);
        RunFolder two = begun("two", 2, 1.6, wide)) {
      DemoReport.write(one, List.of(two));
      String page = words(Files.readString(one.path().resolve("report.html")));
      // 1.2 and 1.6: 1.4 ± 12.706 · 0.2828 / √2.
      assertThat(page)
          .contains("student, 2 seeds", "mean and t interval over the seeds 1, 2")
          .contains("1.40", "-1.14 – 3.94")
          .contains("mean of 2 seeds: Fréchet distance, bias-free +0.400 [-2.141, +2.941]")
          .contains("no difference shown");
      assertThatThrownBy(() -> DemoReport.write(one, List.of(one)))
          .isInstanceOf(RunException.class)
          .hasMessageContaining("has the seed of a run before it");
      Files.writeString(
          two.recipe(), Files.readString(two.recipe()).replaceFirst("(?m)^steps: .*$", "steps: 4"));
      assertThatThrownBy(() -> DemoReport.write(one, List.of(two)))
          .isInstanceOf(RunException.class)
          .hasMessageContaining("has another recipe than");
    }
  }

  @Test
  void differencesAreReadAsTheyWereWritten() {
    List<Difference> all =
        List.of(
            difference(Measure.KID, -0.002, -0.001), new Difference(Measure.FRECHET, 0.5, null));
    assertThat(Differences.read(Differences.toJson(all))).isEqualTo(all);
    assertThat(Differences.words(all.get(0)))
        .isEqualTo("KID, × 1000 -1.500 [-2.000, -1.000]: better");
    assertThat(Differences.words(all.get(1)))
        .isEqualTo("Fréchet distance, raw +0.500: no difference shown");
  }

  @Test
  void itCountsTheUpdatesThatWereDone() {
    try (RunFolder run = RunFolder.open(place.resolve("run"), notice -> {})) {
      try (MetricsLog log = MetricsLog.open(run.metrics(), -1)) {
        assertThat(Demo.updates(run)).isZero();
        for (int u = 1; u <= 3; u++) {
          log.append(u, new Metrics().put("loss", u).values());
        }
      }
      assertThat(Demo.updates(run)).isEqualTo(3);
    }
  }
}
