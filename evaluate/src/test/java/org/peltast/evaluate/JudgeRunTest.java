package org.peltast.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.data.CaptionedImages;
import org.peltast.distill.DivergedException;
import org.peltast.distill.Observer;
import org.peltast.distill.Role;
import org.peltast.distill.Trainer;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TokenFeatures;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;

class JudgeRunTest {
  private static final int UPDATES = 6;
  private static final int EDGE = 16;
  private static final List<String> FAMILIES = List.of("light", "dark");

  private static final JudgeConfig CONFIG =
      new JudgeConfig("tiny", "letters", 4, 8, EDGE, List.of(8, 8, 8, 8), 8, FAMILIES);

  @TempDir Path place;

  /** Killed: what was done since the last checkpoint is lost, and done again by new objects. */
  @Test
  void aResumedJudgeIsTheUninterruptedOneBitForBit() {
    Map<String, float[]> whole = train(place.resolve("straight"), Integer.MAX_VALUE, () -> false);
    Path broken = place.resolve("broken");
    int[] asked = {0};
    train(broken, Integer.MAX_VALUE, () -> ++asked[0] == 2); // saves update 2
    try {
      train(broken, 5, () -> false); // dies in update 5, having saved nothing since
      throw new AssertionError("it should have died");
    } catch (Killed expected) {
      assertThat(MetricsLog.read(broken.resolve("metrics.jsonl"))).hasSize(4);
    }
    Map<String, float[]> rest = train(broken, Integer.MAX_VALUE, () -> false);
    assertThat(rest.keySet()).isEqualTo(whole.keySet());
    whole.forEach((name, values) -> assertThat(rest.get(name)).as(name).isEqualTo(values));
    assertThat(log(broken)).isEqualTo(log(place.resolve("straight"))).hasSize(UPDATES);
    try (RunFolder folder = RunFolder.open(broken, notice -> {})) {
      assertThat(folder.checkpoints().latest().orElseThrow().folder().resolve("judge.safetensors"))
          .exists();
    }
  }

  @Test
  void whatIsNoNumberStopsTheTrainingAndLeavesTheWeights() {
    JudgeRun.Recipe recipe =
        new JudgeRun.Recipe(
            UPDATES, 4, 3, "cpu", JudgeRun.Text.MINILM, false, JudgeTraining.Settings.defaults());
    try (RunFolder folder = RunFolder.open(place.resolve("diverged"), notice -> {});
        TextEncoder letters = new Letters(Double.NaN);
        JudgeRun run = JudgeRun.begin(CONFIG, new Squares(), letters, recipe, Device.CPU)) {
      Map<String, float[]> before = weights(run);
      Observer none = (done, updates, metrics) -> Observer.Verdict.GO_ON;
      Trainer trainer = trainer(run, folder, none, () -> false);
      assertThatThrownBy(() -> trainer.run(0))
          .isInstanceOf(RunException.class)
          .hasMessageStartingWith("update 1 stopped because the judge's loss became NaN;")
          .hasCauseInstanceOf(DivergedException.class);
      Map<String, float[]> after = weights(run);
      before.forEach((name, values) -> assertThat(after.get(name)).as(name).isEqualTo(values));
    }
  }

  private static Map<String, float[]> weights(JudgeRun run) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    run.judge().parameters().values().forEach((name, t) -> weights.put(name, t.toFloats()));
    return weights;
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Everything that is left after training, in new objects as a new process would make them. */
  private static Map<String, float[]> train(Path path, long dies, BooleanSupplier interrupted) {
    JudgeRun.Recipe recipe =
        new JudgeRun.Recipe(
            UPDATES, 4, 3, "cpu", JudgeRun.Text.MINILM, false, JudgeTraining.Settings.defaults());
    try (RunFolder folder = RunFolder.open(path, notice -> {});
        TextEncoder letters = new Letters(1);
        JudgeRun run = JudgeRun.begin(CONFIG, new Squares(), letters, recipe, Device.CPU)) {
      Observer killing =
          (done, updates, metrics) -> {
            if (done == dies) {
              throw new Killed();
            }
            return Observer.Verdict.GO_ON;
          };
      Trainer trainer = trainer(run, folder, killing, interrupted);
      trainer.run(trainer.resume());
      Map<String, float[]> state = new LinkedHashMap<>();
      for (Role role : run.method().phases().get(0).trains()) {
        role.state().forEach((name, value) -> state.put(name, value.toFloats()));
        state.put("steps", new float[] {role.steps()});
      }
      return state;
    }
  }

  private static Trainer trainer(
      JudgeRun run, RunFolder folder, Observer observer, BooleanSupplier interrupted) {
    return new Trainer(
        run.settings(Duration.ofHours(1), 1),
        run.method(),
        run.batches(),
        folder,
        List.of(observer),
        interrupted);
  }

  private static List<Map<String, Object>> log(Path path) {
    List<Map<String, Object>> lines = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(path.resolve("metrics.jsonl"))) {
      Map<String, Object> figures = new LinkedHashMap<>(line.metrics());
      figures.keySet().removeIf(name -> name.startsWith("seconds"));
      figures.put("update", line.update());
      lines.add(figures);
    }
    return lines;
  }

  /** Plain squares of twelve greys, in two families. */
  private static final class Squares implements CaptionedImages {
    @Override
    public String name() {
      return "squares";
    }

    @Override
    public int size() {
      return 12;
    }

    @Override
    public List<String> captions(int index) {
      return List.of("grey " + index, "a grey of " + index);
    }

    @Override
    public String checksum() {
      return "squares";
    }

    @Override
    public int height() {
      return EDGE;
    }

    @Override
    public int width() {
      return EDGE;
    }

    @Override
    public Item item(int index) {
      return new Item(FAMILIES.get(index / 6), "grey " + index, "drawn");
    }

    @Override
    public void pixels(int index, byte[] rgb, int offset) {
      java.util.Arrays.fill(rgb, offset, offset + bytesPerImage(), (byte) (20 * index));
    }
  }

  /** A token for each letter. */
  private static final class Letters implements TextEncoder {
    private final double factor;

    Letters(double factor) {
      this.factor = factor;
    }

    @Override
    public String id() {
      return "letters";
    }

    @Override
    public int width() {
      return 4;
    }

    @Override
    public int maxTokens() {
      return 32;
    }

    @Override
    public List<TokenFeatures> encode(List<String> prompts) {
      return prompts.stream().map(this::features).toList();
    }

    private TokenFeatures features(String prompt) {
      float[] values = new float[prompt.length() * 4];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (factor * Rng.of(prompt.charAt(i / 4)).fork(i % 4).normal());
      }
      return new TokenFeatures(values, prompt.length(), 4);
    }

    @Override
    public void close() {}
  }
}
