package org.peltast.training;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.peltast.distill.Metrics;
import org.peltast.distill.RunLoop;
import org.peltast.evaluate.JudgeRun;
import org.peltast.evaluate.JudgeTraining;
import org.peltast.runs.RunException;
import org.peltast.tensor.Scope;
import org.peltast.tensor.TensorFiles;

/** A judge's training as a run does it: in updates, with checkpoints. */
public record JudgeWork(JudgeRun run) implements RunLoop.Work {
  private static final String FILE = "judge.safetensors";
  private static final String STEPS = "steps";

  @Override
  public Metrics update(long done, long updates, Runnable changing) {
    long begin = System.nanoTime();
    JudgeTraining.Losses losses = run.update(done, changing);
    return new Metrics()
        .put("loss", losses.loss())
        .put("contrast", losses.contrast())
        .put("family", losses.family())
        .put("gradientNorm", losses.gradientNorm())
        .put("seconds", (System.nanoTime() - begin) / 1e9);
  }

  @Override
  public void save(Path into) throws IOException {
    TensorFiles.write(into.resolve(FILE), run.state(), Map.of(STEPS, Long.toString(run.steps())));
  }

  /** Puts a saved state back, bit for bit. */
  public void restore(Path from) {
    Path file = from.resolve(FILE);
    String steps = TensorFiles.metadata(file).getOrDefault(STEPS, "");
    if (!steps.matches("\\d{1,18}")) {
      throw new RunException(file + " does not say how many steps were taken; delete its folder.");
    }
    try (Scope scope = Scope.open()) {
      run.restore(TensorFiles.read(file), Long.parseLong(steps));
    }
  }
}
