package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.runs.MetricsLog;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.SafetensorsType;
import org.peltast.testing.TinyModel;

/** A precision that a recipe insists on, whatever the processor has for it. */
class PrecisionTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"float32", "bf16"})
  void aDistillationRunsInThePrecisionThatItInsistsOn(String precision) throws Exception {
    Child child = new Child(folder);
    Path teacher = folder.resolve("teacher");
    TinyModel.write(teacher);
    Path run = folder.resolve("run");
    String[] typed =
        child.tinyDistillation(teacher, run, "precision=" + precision, "run.updates=2");
    assertThat(child.run(typed)).as(child.said()).isZero();
    assertThat(MetricsLog.read(run.resolve("metrics.jsonl"))).hasSize(2);
    assertThat(run.resolve("student/model_index.json")).exists();
  }

  /** Weights and moments rounded at random: a run that goes on rounds as if it had not stopped. */
  @Test
  void aRunWhoseWeightsAreKeptInBfloat16GoesOnBitForBit() throws Exception {
    Child child = new Child(folder);
    Path teacher = folder.resolve("teacher");
    TinyModel.write(teacher);
    Path straight = folder.resolve("straight");
    assertThat(child.run(narrow(child, teacher, straight))).as(child.said()).isZero();

    Path killed = folder.resolve("killed");
    Process first = child.start(child.command(narrow(child, teacher, killed)));
    Runs.awaitLines(first, killed, 2);
    first.destroyForcibly().waitFor();
    assertThat(child.run(narrow(child, teacher, killed))).as(child.said()).isZero();
    assertThat(Runs.results(killed)).isEqualTo(Runs.results(straight));
    assertThat(Runs.figures(killed)).isEqualTo(Runs.figures(straight)).hasSize(6);

    Path checkpoint = straight.resolve("checkpoints/000006/student.safetensors");
    try (Checkpoint saved = Checkpoint.open(checkpoint)) {
      assertThat(saved.require("weights.layers.0.feed_forward.w1.weight").type())
          .isEqualTo(SafetensorsType.BF16);
      assertThat(saved.require("ema.layers.0.feed_forward.w1.weight").type())
          .isEqualTo(SafetensorsType.F32);
    }
  }

  private static String[] narrow(Child child, Path teacher, Path out) throws IOException {
    return child.tinyDistillation(
        teacher,
        out,
        "memory.weights=bf16",
        "memory.moments=bf16",
        "run.updates=6",
        "run.checkpointEvery=0s");
  }
}
