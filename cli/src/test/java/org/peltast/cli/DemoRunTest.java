package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.runs.MetricsLog;
import org.peltast.testing.TinyModel;
import tools.jackson.databind.json.JsonMapper;

/** A demonstration, killed and typed again, on a teacher that is as small as the judge can see. */
class DemoRunTest {
  private static final int UPDATES = 6;

  @TempDir Path folder;

  @Test
  void aDemonstrationKilledAsItDistilsAndStoppedAsItEvaluatesEndsWithTheSameBits()
      throws Exception {
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"), 64);
    Path straight = folder.resolve("straight");
    assertThat(child.run(demo(straight))).as(child.said()).isZero();

    Path killed = folder.resolve("killed");
    Process distilling = child.start(child.command(demo(killed)));
    Runs.awaitLines(distilling, killed, 2);
    distilling.destroyForcibly().waitFor();
    assertThat(killed.resolve("student")).doesNotExist();
    assertThat(Runs.lines(killed)).isBetween(1L, (long) UPDATES);

    Process evaluating = child.start(child.command(demo(killed)));
    Child.await(evaluating, () -> Files.exists(killed.resolve("student/model_index.json")));
    evaluating.destroyForcibly().waitFor();
    assertThat(killed.resolve("report.html")).doesNotExist();
    assertThat(Runs.figures(killed)).hasSize(UPDATES);

    Process asked = child.start(child.command(demo(killed)));
    child.awaitSaid(asked, "drawing with the student");
    asked.destroy();
    assertThat(Child.end(asked)).as(child.said()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(child.said())
        .contains(
            "Stopping after this update or batch of pictures; Ctrl-C again stops at once.",
            "Stopped and saved. Go on with: the same command")
        .doesNotContain("Exception");
    assertThat(killed.resolve("report.html")).doesNotExist();

    assertThat(child.run(demo(killed))).as(child.said()).isZero();
    Map<String, String> results = Runs.results(killed);
    assertThat(results).isEqualTo(Runs.results(straight));
    assertThat(results.keySet())
        .contains(
            "student/transformer/diffusion_pytorch_model.safetensors",
            "story/shield/000000-0.png",
            "story/spear/000002-0.png",
            "samples/student/0000.png");
    assertThat(Runs.figures(killed)).isEqualTo(Runs.figures(straight)).hasSize(UPDATES);
    assertThat(killed.resolve("report.html")).exists();
    assertThat(secondsOf(killed, "distil"))
        .as("the updates of all processes")
        .isGreaterThanOrEqualTo(
            MetricsLog.read(killed.resolve("metrics.jsonl")).stream()
                .mapToDouble(line -> ((Number) line.metrics().get("seconds")).doubleValue())
                .sum());
    assertThat(secondsOf(killed, "total")).isGreaterThan(secondsOf(killed, "distil"));
  }

  private static double secondsOf(Path run, String part) throws IOException {
    String json = Files.readString(run.resolve("metrics.json"));
    return JsonMapper.builder().build().readTree(json).get("seconds").get(part).asDouble();
  }

  @Test
  void aSecondDemonstrationInOneFolderIsRefusedAndToldTheFirstOnesNumber() throws Exception {
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"), 64);
    Path out = folder.resolve("demo");
    // A toy's loss is next to nothing, so a few times that is no explosion.
    String[] endless = Child.sets(List.of(demo(out, "--updates", "100000")), "guard.explosion=0");
    Runs.requireSecondRefused(child, out, endless);
  }

  @Test
  void aDemonstrationOfSoManyMinutesIsDoneWhenTypedAgain() throws Exception {
    Child child = new Child(folder);
    TinyModel.write(folder.resolve("teacher"), 64);
    Path out = folder.resolve("timed");
    String[] timed = demo(out, "--minutes", "0.02"); // four updates at most, or what fits 1.2 s
    assertThat(child.run(timed)).as(child.said()).isZero();
    long updates = Runs.lines(out);
    assertThat(updates).isBetween(1L, 4L);
    assertThat(Files.readString(out.resolve("metrics.json")))
        .contains("\"updates\" : " + updates + ",");
    assertThat(child.run(timed)).as(child.said()).isZero();
    assertThat(Runs.lines(out)).isEqualTo(updates);

    // A demonstration that is refused leaves the run's recipe as it was.
    String recipe = Files.readString(out.resolve("recipe.yaml"));
    Path other = folder.resolve("other");
    Runs.copy(folder.resolve("teacher"), other);
    Path settings = other.resolve("peltast.json");
    Files.writeString(settings, Files.readString(settings).replace("\"auto\"", "\"float32\""));
    assertThat(child.run(Child.sets(List.of(timed), "teacher=" + other))).isNotZero();
    assertThat(child.said()).contains("what it reads has changed since it began (teacher)");
    assertThat(out.resolve("recipe.yaml")).hasContent(recipe);
  }

  private String[] demo(Path out) {
    return demo(out, "--updates", Integer.toString(UPDATES));
  }

  private String[] demo(Path out, String... length) {
    List<String> all =
        new ArrayList<>(List.of("demo", "--prompts", "4", "--spear", "2", "--out", out.toString()));
    all.addAll(List.of(length));
    return Child.sets(
        all,
        "teacher=" + folder.resolve("teacher"),
        "data.limit=6",
        "precision=float32",
        "run.batch=2",
        "run.checkpointEvery=0s");
  }
}
