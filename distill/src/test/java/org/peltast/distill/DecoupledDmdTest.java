package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Normaliser;
import org.peltast.distill.dmd.Renoising;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;

/** What an update asks of whom, who learns from it, and that computing it in parts changes none. */
@ExtendWith(OneThread.class)
class DecoupledDmdTest {
  private static final int CLASSES = 3;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** A teacher that pulls towards its caption, and counts. */
  private static ClosedForm teacher() {
    return new ClosedForm(
        (x, t, captions) ->
            x.mul(0.5).add(captions.narrow(1, 0, 2).reshape(captions.size(0), 2, 1, 1)));
  }

  /** All that a distillation consists of. */
  private static final class Bench implements AutoCloseable {
    final ClosedForm teacher = teacher();
    final Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    final ClosedForm fake = new ClosedForm((x, t, captions) -> x.mul(0.4));
    final Role studentRole = Toys.gradientOf("student", student);
    final Role fakeRole = Toys.gradientOf("fake", fake);
    final DecoupledDmd dmd;

    final int microBatches;

    Bench(ToyDmd settings, int fakeUpdates) {
      this(settings, fakeUpdates, 1);
    }

    Bench(ToyDmd settings, int fakeUpdates, int microBatches) {
      this.microBatches = microBatches;
      dmd = settings.method(teacher, student, studentRole, fake, fakeRole, fakeUpdates);
    }

    Metrics update(Batch batch) {
      return ToyDmd.update(dmd, microBatches, batch, Rng.of(4));
    }

    @Override
    public void close() {
      dmd.close();
    }
  }

  /** Conditional and unconditional at the engine's draw, conditional at the regulariser's. */
  @ParameterizedTest
  @CsvSource({
    "coupled-shared, 2",
    "decoupled-full, 3",
    "decoupled-constrained, 3",
    "decoupled-hybrid, 3"
  })
  void theTeacherIsAskedOnceForAllTerms(String schedule, int predictions) {
    try (Bench bench = new Bench(ToyDmd.of(Renoising.parse(schedule), 1, 1), 5)) {
      bench.update(Toys.points(CLASSES, null, 0, 1, 2, 0));
      assertThat(bench.teacher.evaluations).containsExactly(4 * predictions);
      assertThat(bench.teacher.readings).hasSize(2); // captions, empty captions
      assertThat(bench.fake.evaluations).hasSize(1 + 5); // for the direction, and its updates
      assertThat(bench.fakeRole.steps()).isEqualTo(5);
      assertThat(bench.studentRole.steps()).isEqualTo(1);
    }
  }

  @Test
  void anEngineOfWeightZeroCostsNothing() {
    try (Bench bench = new Bench(ToyDmd.of(Renoising.DECOUPLED_HYBRID, 0, 1), 1)) {
      Metrics metrics = bench.update(Toys.points(CLASSES, null, 0, 1, 2, 0));
      assertThat(bench.teacher.evaluations).containsExactly(4);
      assertThat(bench.teacher.readings).hasSize(1); // no empty captions
      assertThat(metrics.values()).doesNotContainKeys("ca", "cosine", "teacher.mean");
      assertThat(metrics.get("dm")).isPositive();
    }
  }

  @Test
  void aRegulariserOfWeightZeroCostsNothing() {
    try (Bench bench = new Bench(ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 0), 5)) {
      Metrics metrics = bench.update(Toys.points(CLASSES, null, 0, 1, 2, 0));
      assertThat(bench.teacher.evaluations).containsExactly(8);
      assertThat(bench.fake.evaluations).isEmpty();
      assertThat(bench.fake.readings).isEmpty();
      assertThat(bench.fakeRole.steps()).isZero();
      assertThat(metrics.values()).doesNotContainKeys("dm", "cosine", "fakeLoss");
      assertThat(metrics.get("ca")).isPositive();
    }
  }

  /** α = 1 is no guidance: the unconditional prediction would be multiplied by nothing. */
  @Test
  void withoutGuidanceTheEmptyCaptionIsNotAsked() {
    ToyDmd unguided = ToyDmd.of(Renoising.COUPLED_SHARED, 1, 1).steps(1).alpha(1);
    try (Bench bench = new Bench(unguided, 1)) {
      Metrics metrics = bench.update(Toys.points(CLASSES, null, 0, 1));
      assertThat(bench.teacher.evaluations).containsExactly(2);
      assertThat(metrics.get("ca")).isZero();
    }
  }

  /** The pushes are weighted sums of the terms: what is logged of them is not. */
  @Test
  void weightsScaleTheirTerms() {
    Batch batch = Toys.points(CLASSES, null, 0, 1, 2, 0);
    float[] both = pull(batch, 2, 0.5);
    float[] engine = pull(batch, 1, 0);
    float[] regulariser = pull(batch, 0, 1);
    for (int i = 0; i < both.length; i++) {
      assertThat(both[i]).isCloseTo(2 * engine[i] + 0.5f * regulariser[i], within(1e-6f));
    }
  }

  private static float[] pull(Batch batch, double engine, double regulariser) {
    ToyDmd settings =
        ToyDmd.of(Renoising.DECOUPLED_HYBRID, engine, regulariser).by(Normaliser.NONE);
    try (Bench bench = new Bench(settings, 1)) {
      bench.update(batch);
      return Toys.gradient(bench.studentRole, "last.weight");
    }
  }

  /** Seven items in three parts: the same gradients, weights and metrics. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void partsGiveTheSameUpdate(boolean freshRollouts) {
    Batch batch = Toys.points(CLASSES, null, 0, 1, 2, 0, 1, 1, 2);
    try (Bench whole = new Bench(conditional(freshRollouts), 2, 1);
        Bench parts = new Bench(conditional(freshRollouts), 2, 3)) {
      Metrics a = whole.update(batch);
      Metrics b = parts.update(batch);
      assertThat(parts.teacher.evaluations).containsExactly(6, 6, 9);
      assertSame(a, b);
      assertSame(whole.studentRole, parts.studentRole);
      assertSame(whole.fakeRole, parts.fakeRole);
    }
  }

  /** Seven items by three threads, which differentiate side by side, in one part and in two. */
  @ParameterizedTest
  @CsvSource({"false, 1", "true, 1", "true, 2"})
  void threadsGiveTheSameUpdate(boolean freshRollouts, int microBatches) {
    Batch batch = Toys.points(CLASSES, null, 0, 1, 2, 0, 1, 1, 2);
    try (Bench alone = new Bench(conditional(freshRollouts), 2, 1);
        Bench crew = new Bench(conditional(freshRollouts), 2, microBatches)) {
      Metrics a = alone.update(batch);
      Engine.threads(3);
      for (int again = 0; again < 3; again++) { // gradients are gone after an update
        Metrics b = crew.update(batch);
        if (again == 0) {
          assertThat(crew.teacher.evaluations)
              .containsExactlyInAnyOrder(
                  microBatches == 1 ? new Integer[] {6, 6, 9} : new Integer[] {3, 3, 3, 3, 3, 6});
          assertSame(a, b);
          assertSame(alone.studentRole, crew.studentRole);
          assertSame(alone.fakeRole, crew.fakeRole);
        }
      }
      Engine.threads(1);
      alone.update(batch);
      alone.update(batch);
      assertSame(alone.studentRole, crew.studentRole);
    }
  }

  private static void assertSame(Metrics a, Metrics b) {
    assertThat(b.values().keySet()).containsExactlyElementsOf(a.values().keySet());
    a.values()
        .forEach(
            (name, value) -> {
              if (!name.startsWith("seconds")) {
                assertThat(b.get(name)).as(name).isCloseTo(value, within(1e-6));
              }
            });
  }

  private static ToyDmd conditional(boolean freshRollouts) {
    return ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 1)
        .by(Normaliser.CONDITIONAL)
        .learningFrom(freshRollouts ? FakeModel.Images.FRESH : FakeModel.Images.KEPT);
  }

  private static void assertSame(Role a, Role b) {
    Map<String, Tensor> other = b.state();
    a.state()
        .forEach(
            (name, tensor) -> {
              if (name.startsWith("optimiser.exp_avg.")) {
                assertThat(other.get(name).sub(tensor).abs().reshape(-1).max(false, 0).item())
                    .as(name)
                    .isLessThan(1e-6);
              }
            });
  }

  /** Gradient reaches all of the student, its text side too, and nothing of the teacher. */
  @Test
  void theStudentLearnsAndTheTeacherStaysFrozen() {
    Mlp teacher = new Mlp(2, CLASSES, 8, Rng.of(2));
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    Mlp fake = new Mlp(2, CLASSES, 8, Rng.of(3));
    teacher.parameters().trainable(true); // even if its weights would take gradients
    Role studentRole = Toys.gradientOf("student", student);
    Role fakeRole = Toys.gradientOf("fake", fake);
    try (DecoupledDmd dmd =
        ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 1)
            .method(teacher, student, studentRole, fake, fakeRole, 1)) {
      ToyDmd.update(dmd, 2, Toys.points(CLASSES, null, 0, 1, 2, 0), Rng.of(4));
      for (Parameter p : teacher.parameters().all()) {
        assertThat(p.value().grad()).as(p.name()).isNull();
      }
      Map<Role, Mlp> trained = Map.of(studentRole, student, fakeRole, fake);
      for (Role role : trained.keySet()) {
        for (Parameter p : trained.get(role).parameters().all()) {
          assertThat(Toys.gradient(role, p.name()))
              .as(role.name() + "'s " + p.name())
              .satisfies(
                  g -> {
                    double sum = 0;
                    for (float v : g) {
                      sum += Math.abs(v);
                    }
                    assertThat(sum).isPositive();
                  });
        }
      }
    }
  }

  /** The normaliser turns NaN into nothing, as DMD2's does; a NaN from the teacher must show. */
  @Test
  void whatIsNoNumberIsNamedByItsTerm() {
    assertDiverges("direction of ca", x -> x.mul(Double.NaN), x -> x);
    assertDiverges("direction of dm", x -> x.mul(0.5), x -> x.mul(Double.NaN));
  }

  private static void assertDiverges(
      String term,
      java.util.function.UnaryOperator<Tensor> teacher,
      java.util.function.UnaryOperator<Tensor> fake) {
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    Role role = Toys.gradientOf("student", student);
    ClosedForm faked = new ClosedForm((x, t, c) -> fake.apply(x));
    try (DecoupledDmd dmd =
        ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 1)
            .method(
                new ClosedForm((x, t, c) -> teacher.apply(x)),
                student,
                role,
                faked,
                Toys.gradientOf("fake", faked),
                1)) {
      Batch batch = Toys.points(CLASSES, null, 0, 1);
      assertThatThrownBy(() -> ToyDmd.update(dmd, 1, batch, Rng.of(4)))
          .isInstanceOf(DivergedException.class)
          .hasMessage("the " + term + " became NaN");
      assertThat(role.steps()).isZero();
    }
  }

  /** A fake that pushes nothing learns all the same, if it is asked to observe. */
  @Test
  void anObserverLearnsWithoutPushing() {
    ToyDmd settings = ToyDmd.of(Renoising.DECOUPLED_HYBRID, 1, 0);
    Batch batch = Toys.points(CLASSES, null, 0, 1, 2, 0);
    try (Bench alone = new Bench(settings, 2);
        Bench observed = new Bench(settings.observing(), 2)) {
      alone.update(batch);
      Metrics metrics = observed.update(batch);
      assertThat(observed.fakeRole.steps()).isEqualTo(2);
      assertThat(metrics.get("fakeLoss")).isPositive();
      assertThat(metrics.values()).doesNotContainKey("dm");
      assertSame(alone.studentRole, observed.studentRole);
    }
  }

  /** DMD2's fake has captions of its own: as many draws more as it has updates. */
  @Test
  void freshCaptionsAreDrawsOfTheirOwn() {
    ToyDmd settings =
        ToyDmd.of(Renoising.COUPLED_SHARED, 1, 1).learningFrom(FakeModel.Images.FRESH_CAPTIONS);
    try (Bench bench = new Bench(settings, 3)) {
      UpdateExecutor executor = new UpdateExecutor(bench.dmd, 1);
      assertThat(executor.draws()).isEqualTo(4);
      List<Batch> draws =
          List.of(
              Toys.points(CLASSES, null, 0, 0),
              Toys.points(CLASSES, null, 1, 1),
              Toys.points(CLASSES, null, 2, 2),
              Toys.points(CLASSES, null, 1, 2));
      executor.update(0, 1, draws, Rng.of(4), () -> {});
      List<float[]> read = bench.fake.readings.stream().map(ClosedForm.Reading::features).toList();
      assertThat(read).hasSize(4); // for the direction, and for its updates
      for (int i = 0; i < 4; i++) {
        assertThat(read.get(i)).isEqualTo(draws.get(i).condition().features().toFloats());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "-1, 1", "1, NaN", "1, 1e7"})
  void weightsOutOfRangeAreRefused(double engine, double regulariser) {
    assertThatThrownBy(() -> new Bench(ToyDmd.of(Renoising.COUPLED_SHARED, engine, regulariser), 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
