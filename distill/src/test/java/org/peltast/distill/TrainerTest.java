package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Renoising;
import org.peltast.runs.MetricsLog;
import org.peltast.runs.RunException;
import org.peltast.runs.RunFolder;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;

class TrainerTest {
  private static final BooleanSupplier NEVER = () -> false;

  @TempDir Path place;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Trainer.Settings settings(long updates) {
    return new Trainer.Settings(updates, Duration.ofHours(1), 2, 42);
  }

  private static Role role(String name, Mlp network) {
    return new Role(
        name,
        network,
        new Role.Settings(new LearningRate(1e-2, 2, 0.5), AdamW.Settings.defaults(), 1, 0.9));
  }

  /** A distillation in new objects, as a new process would make them. */
  private static DecoupledDmd distillation() {
    Mlp student = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    Mlp fake = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    return ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 1)
        .alpha(2)
        .learningFrom(FakeModel.Images.FRESH)
        .method(Mixture.teacher(), student, role("student", student), fake, role("fake", fake), 2);
  }

  private static Batch batch(long update) {
    int first = (int) (update % Mixture.CLASSES);
    return Toys.points(Mixture.CLASSES, null, first, (first + 1) % 3, first, 0);
  }

  /** How a run in a folder ended, with all that it left. */
  private record Outcome(
      Trainer.End end, long resumedAt, Map<String, float[]> state, Map<String, String> counts) {}

  private static Outcome run(
      Path path, long updates, List<Observer> observers, BooleanSupplier interrupted) {
    try (RunFolder folder = RunFolder.open(path, notice -> {});
        DecoupledDmd method = distillation()) {
      Trainer trainer =
          new Trainer(
              settings(updates),
              method,
              BatchSource.of(4, TrainerTest::batch),
              folder,
              observers,
              interrupted);
      long done = trainer.resume();
      Trainer.End end = trainer.run(done);
      Map<String, float[]> state = new LinkedHashMap<>();
      Map<String, String> counts = new LinkedHashMap<>();
      for (Role role : new UpdateExecutor(method, 1).roles()) {
        role.state().forEach((n, t) -> state.put(role.name() + "." + n, t.toFloats()));
        role.counts().forEach((n, v) -> counts.put(role.name() + "." + n, v));
      }
      return new Outcome(end, done, state, counts);
    }
  }

  /** Weights, averages, moments, counts and the log: all bits, but for the clock's. */
  private void assertSameRun(Outcome a, Path placeOfA, Outcome b, Path placeOfB) {
    assertThat(b.counts()).isEqualTo(a.counts());
    assertThat(b.state().keySet()).isEqualTo(a.state().keySet());
    a.state().forEach((name, values) -> assertThat(b.state().get(name)).as(name).isEqualTo(values));
    assertThat(log(placeOfB)).isEqualTo(log(placeOfA));
  }

  private static List<Map<String, Object>> log(Path path) {
    List<Map<String, Object>> lines = new ArrayList<>();
    for (MetricsLog.Line line : MetricsLog.read(path.resolve("metrics.jsonl"))) {
      Map<String, Object> metrics = new LinkedHashMap<>(line.metrics());
      metrics.keySet().removeIf(k -> k.startsWith("seconds"));
      metrics.put("update", line.update());
      lines.add(metrics);
    }
    return lines;
  }

  /** Shortened while its rates are still on their plateau, a run is one that was asked to be so. */
  @Test
  void aRunShortenedInTimeIsBitForBitOneOfThatLength() {
    Path straight = place.resolve("straight");
    Path shortened = place.resolve("shortened");
    Outcome whole = run(straight, 8, List.of(), NEVER);
    Observer shortening =
        new Observer() {
          @Override
          public Verdict after(long done, long updates, Metrics metrics) {
            assertThat(updates).isEqualTo(done <= 3 ? 20 : 8);
            return Verdict.GO_ON;
          }

          @Override
          public long updates(long done, long updates) {
            return done < 3 ? updates : 8;
          }
        };
    AtomicInteger asked = new AtomicInteger();
    Outcome first = run(shortened, 20, List.of(shortening), () -> asked.incrementAndGet() == 5);
    assertThat(first.end()).isEqualTo(Trainer.End.STOPPED);
    Outcome rest = run(shortened, 20, List.of(shortening), NEVER);
    assertThat(rest.resumedAt()).isEqualTo(5);
    assertThat(rest.end()).isEqualTo(Trainer.End.FINISHED);
    assertSameRun(whole, straight, rest, shortened);
    Outcome again = run(shortened, 20, List.of(shortening), NEVER);
    assertThat(again.end()).isEqualTo(Trainer.End.FINISHED);
    assertSameRun(whole, straight, again, shortened);
  }

  /** Interrupted after three of six updates and taken up by new objects: the same run. */
  @Test
  void anInterruptedRunGoesOnBitForBit() {
    Path straight = place.resolve("straight");
    Path broken = place.resolve("broken");
    Outcome whole = run(straight, 6, List.of(), NEVER);
    assertThat(whole.end()).isEqualTo(Trainer.End.FINISHED);

    AtomicInteger asked = new AtomicInteger();
    Outcome first = run(broken, 6, List.of(), () -> asked.incrementAndGet() == 3);
    assertThat(first.end()).isEqualTo(Trainer.End.STOPPED);
    assertThat(first.counts()).containsEntry("student.steps", "3");
    assertThat(first.counts()).containsEntry("fake.steps", "6");
    Outcome rest = run(broken, 6, List.of(), NEVER);

    assertThat(rest.resumedAt()).isEqualTo(3);
    assertThat(rest.end()).isEqualTo(Trainer.End.FINISHED);
    assertSameRun(whole, straight, rest, broken);
    assertThat(log(broken)).hasSize(6);
  }

  /** The last of a finished run is saved; asking for it again does nothing. */
  @Test
  void aFinishedRunIsTakenUpFinished() {
    Path path = place.resolve("run");
    Outcome first = run(path, 2, List.of(), NEVER);
    Outcome again =
        run(
            path,
            2,
            List.of(
                (done, updates, metrics) -> {
                  throw new AssertionError("no update is left");
                }),
            NEVER);
    assertThat(again.resumedAt()).isEqualTo(2);
    assertThat(again.end()).isEqualTo(Trainer.End.FINISHED);
    assertSameRun(first, path, again, path);
  }

  @Test
  void anObserverMayNoteAndEndARun() {
    List<Long> seen = new ArrayList<>();
    Observer observer =
        (done, updates, metrics) -> {
          seen.add(done);
          metrics.put("noted", done * 10.0);
          assertThat(updates).isEqualTo(6);
          return done == 2 ? Observer.Verdict.STOP : Observer.Verdict.GO_ON;
        };
    Path path = place.resolve("run");
    Outcome outcome = run(path, 6, List.of(observer), NEVER);
    assertThat(outcome.end()).isEqualTo(Trainer.End.STOPPED);
    assertThat(seen).containsExactly(1L, 2L);
    assertThat(log(path)).extracting(l -> l.get("noted")).containsExactly(10.0, 20.0);
    assertThat(run(path, 6, List.of(), NEVER).resumedAt()).isEqualTo(2);
  }

  /** Pictures that are no numbers at the third update: the checkpoint of the second is kept. */
  @Test
  void whatIsNoNumberStopsARunAndKeepsTheLastCheckpoint() {
    Path path = place.resolve("run");
    ClosedForm network = new ClosedForm((x, t, captions) -> x.mul(0.5));
    try (RunFolder folder = RunFolder.open(path, notice -> {});
        FlowMatching method =
            new FlowMatching(
                Toys.denoiser(network),
                Toys.gradientOf("teacher", network),
                FlowMatching.Settings.defaults())) {
      BatchSource data =
          BatchSource.of(
              2,
              u -> {
                Tensor pictures = Tensor.ones(2, 2, 1, 1).mul(u == 2 ? Double.NaN : 1);
                return Toys.points(Mixture.CLASSES, pictures, 0, 1);
              });
      Trainer trainer =
          new Trainer(
              new Trainer.Settings(6, Duration.ZERO, 2, 1), method, data, folder, List.of(), NEVER);
      assertThatThrownBy(() -> trainer.run(trainer.resume()))
          .isInstanceOf(RunException.class)
          .hasMessageStartingWith("update 3 stopped because the teacher's loss became NaN;")
          .hasMessageContaining("the last good checkpoint is that of update 2");
      assertThat(folder.checkpoints().numbers()).containsExactly(1L, 2L);
      assertThat(trainer.resume()).isEqualTo(2);
    }
    assertThat(log(path)).hasSize(2);
  }

  @Test
  void beforeTheFirstCheckpointThereIsNone() {
    try (RunFolder folder = RunFolder.open(place.resolve("run"), notice -> {})) {
      ClosedForm network = new ClosedForm((x, t, captions) -> x.mul(Double.NaN));
      try (FlowMatching method =
          new FlowMatching(
              Toys.denoiser(network),
              Toys.gradientOf("teacher", network),
              FlowMatching.Settings.defaults())) {
        BatchSource data =
            BatchSource.of(2, u -> Toys.points(Mixture.CLASSES, Tensor.ones(2, 2, 1, 1), 0, 1));
        Trainer trainer = new Trainer(settings(3), method, data, folder, List.of(), NEVER);
        assertThatThrownBy(() -> trainer.run(0))
            .isInstanceOf(RunException.class)
            .hasMessageStartingWith("update 1 stopped")
            .hasMessageContaining("there is no checkpoint yet");
      }
    }
  }

  @Test
  void settingsOutOfRangeAreRefused() {
    assertThatThrownBy(() -> new Trainer.Settings(0, Duration.ZERO, 1, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Trainer.Settings(1, Duration.ZERO, 0, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Trainer.Settings(1, Duration.ofSeconds(-1), 1, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
