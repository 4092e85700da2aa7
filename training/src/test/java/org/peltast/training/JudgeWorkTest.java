package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.peltast.distill.RunLoop;
import org.peltast.evaluate.JudgeConfig;
import org.peltast.evaluate.JudgeRun;
import org.peltast.evaluate.JudgeTraining;
import org.peltast.models.TextEncoder;
import org.peltast.models.TokenFeatures;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;

class JudgeWorkTest {
  private static final int UPDATES = 6;
  private static final int EDGE = 16;
  private static final List<String> FAMILIES = List.of("light", "dark");

  @TempDir Path place;

  /** Killed: what was done since the last checkpoint is lost, and done again by new objects. */
  @Test
  void aResumedJudgeIsTheUninterruptedOneBitForBit() {
    Map<String, float[]> whole = train(place.resolve("straight"), Integer.MAX_VALUE, () -> false);
    Path broken = place.resolve("broken");
    int[] asked = {0};
    train(broken, Integer.MAX_VALUE, () -> ++asked[0] == 2); // saves update 2
    try {
      train(broken, 4, () -> false); // dies in update 5, having saved nothing since
      throw new AssertionError("it should have died");
    } catch (Killed expected) {
      assertThat(MetricsLog.read(broken.resolve("metrics.jsonl"))).hasSize(4);
    }
    Map<String, float[]> rest = train(broken, Integer.MAX_VALUE, () -> false);
    assertThat(rest.keySet()).isEqualTo(whole.keySet());
    whole.forEach((name, values) -> assertThat(rest.get(name)).as(name).isEqualTo(values));
    assertThat(log(broken)).isEqualTo(log(place.resolve("straight"))).hasSize(UPDATES);
  }

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /** Everything that is left after training, in new objects as a new process would make them. */
  private static Map<String, float[]> train(Path path, long dies, BooleanSupplier interrupted) {
    JudgeConfig config =
        new JudgeConfig("tiny", "letters", 4, 8, EDGE, List.of(8, 8, 8, 8), 8, FAMILIES);
    JudgeRun.Recipe recipe =
        new JudgeRun.Recipe(UPDATES, 4, 3, "cpu", JudgeTraining.Settings.defaults());
    try (RunFolder folder = RunFolder.open(path, notice -> {});
        TextEncoder letters = new Letters();
        JudgeRun run = JudgeRun.begin(config, new Squares(), letters, recipe, Device.CPU)) {
      JudgeWork work = new JudgeWork(run);
      RunLoop loop =
          new RunLoop(
              new RunLoop.Settings(UPDATES, Duration.ofHours(1), 1),
              folder,
              List.of(),
              interrupted);
      long done = loop.resume(work::restore);
      loop.run(
          new RunLoop.Work() {
            @Override
            public org.peltast.distill.Figures update(
                long before, long updates, Runnable changing) {
              if (before == dies) {
                throw new Killed();
              }
              return work.update(before, updates, changing);
            }

            @Override
            public void save(Path into) throws java.io.IOException {
              work.save(into);
            }
          },
          done);
      Map<String, float[]> state = new LinkedHashMap<>();
      run.state().forEach((name, value) -> state.put(name, value.toFloats()));
      state.put("steps", new float[] {run.steps()});
      return state;
    }
  }

  private static List<Map<String, Object>> log(Path path) {
    List<Map<String, Object>> lines = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(path.resolve("metrics.jsonl"))) {
      Map<String, Object> figures = new LinkedHashMap<>(line.figures());
      figures.remove("seconds");
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
      return prompts.stream().map(Letters::features).toList();
    }

    private static TokenFeatures features(String prompt) {
      float[] values = new float[prompt.length() * 4];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) Rng.of(prompt.charAt(i / 4)).fork(i % 4).normal();
      }
      return new TokenFeatures(values, prompt.length(), 4);
    }

    @Override
    public void close() {}
  }
}
