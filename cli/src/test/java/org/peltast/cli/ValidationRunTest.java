package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.data.CaptionedImages;
import org.peltast.data.EmojiCorpus;
import org.peltast.runs.MetricsLog;

/** A teacher that is looked at, and measured, on validation pairs. */
class ValidationRunTest {
  private static final int CONCEPTS = 80;

  @TempDir Path folder;

  @Test
  void validationPairsAreMeasuredAndTestPairsNeverSeen() throws Exception {
    Child child = new Child(folder);
    Path run = folder.resolve("run");
    int code =
        child.run(
            child.tinyTeacher(
                run,
                "data.limit=" + CONCEPTS,
                "data.validation=true",
                "data.wording=varied",
                "data.mirrored=true",
                "run.updates=4",
                "run.looksEvery=2"));
    assertThat(code).as(child.said()).isZero();

    List<MetricsLog.Line> lines = MetricsLog.read(run.resolve("metrics.jsonl"));
    assertThat(lines).hasSize(4);
    for (int i = 0; i < lines.size(); i++) {
      boolean measured = i % 2 == 1;
      for (String name : List.of("loss.validation", "loss.training")) {
        assertThat(lines.get(i).metrics().containsKey(name)).as(name + " " + i).isEqualTo(measured);
      }
    }
    assertThat(lines.get(3).metrics().get("loss.validation"))
        .isNotEqualTo(lines.get(1).metrics().get("loss.validation"));

    EmojiCorpus corpus =
        EmojiCorpus.open(
            EmojiCorpus.Options.ofSize(16)
                .withConcepts(CONCEPTS)
                .withCache(folder.resolve("cache")));
    Set<String> prompts = new HashSet<>(Files.readAllLines(run.resolve("samples/prompts.txt")));
    assertThat(prompts).isNotEmpty().isSubsetOf(captions(corpus.validation()));
    assertThat(prompts).doesNotContainAnyElementsOf(captions(corpus.heldOut()));
    assertThat(Files.readString(run.resolve("provenance.json"))).contains("split-1 validation-1");
    assertThat(run.resolve("text")).isDirectoryContaining("glob:**.features");
  }

  @Test
  void trainingBeginsWithTheWeightsOfAFolder() throws Exception {
    Child child = new Child(folder);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    String[] still = {"teacher.learningRate=1e-12", "teacher.weightDecay=0", "run.updates=1"};
    assertThat(child.run(child.tinyTeacher(first, "run.updates=4"))).as(child.said()).isZero();

    String from = "from=" + first.resolve("teacher");
    int code = child.run(child.tinyTeacher(second, from, still[0], still[1], still[2]));
    assertThat(code).as(child.said()).isZero();
    assertThat(second.resolve("teacher/transformer/diffusion_pytorch_model.safetensors"))
        .hasSameBinaryContentAs(
            first.resolve("teacher/transformer/diffusion_pytorch_model.safetensors"));
    assertThat(Files.readString(second.resolve("provenance.json"))).contains("\"from\"");

    Path third = folder.resolve("third");
    code = child.run(child.tinyTeacher(third, from, "model.layers=2"));
    assertThat(code).isEqualTo(2);
    assertThat(child.said())
        .contains(first.resolve("teacher") + " (from) is another network")
        .contains("missing layers.1.")
        .doesNotContain("\tat ");
  }

  private static Set<String> captions(CaptionedImages images) {
    Set<String> all = new HashSet<>();
    for (int i = 0; i < images.size(); i++) {
      all.add(images.captions(i).get(0));
    }
    return all;
  }
}
