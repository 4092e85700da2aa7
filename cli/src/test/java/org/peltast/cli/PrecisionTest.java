package org.peltast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.runs.MetricsLog;
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
}
