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
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

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

  private static DecoupledDmd.Settings settings(
      Renoising renoising, double engine, double regulariser, int microBatches) {
    return new DecoupledDmd.Settings(
        StepGrid.uniform(2),
        new Guidance(3),
        renoising,
        Normaliser.SHARED,
        engine,
        regulariser,
        false,
        microBatches);
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

    Bench(DecoupledDmd.Settings settings, int fakeUpdates) {
      dmd =
          new DecoupledDmd(
              settings,
              Toys.denoiser(teacher),
              Toys.denoiser(student),
              studentRole,
              new DistributionMatching(Toys.denoiser(fake), fakeRole, fakeUpdates),
              Appearance.NONE);
    }

    Figures update(Batch batch) {
      return dmd.update(new Method.Progress(0, 10), batch, Rng.of(4));
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
    try (Bench bench = new Bench(settings(Renoising.parse(schedule), 1, 1, 1), 5)) {
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
    try (Bench bench = new Bench(settings(Renoising.DECOUPLED_HYBRID, 0, 1, 1), 1)) {
      Figures figures = bench.update(Toys.points(CLASSES, null, 0, 1, 2, 0));
      assertThat(bench.teacher.evaluations).containsExactly(4);
      assertThat(bench.teacher.readings).hasSize(1); // no empty captions
      assertThat(figures.values()).doesNotContainKeys("ca", "cosine", "teacher.mean");
      assertThat(figures.get("dm")).isPositive();
    }
  }

  @Test
  void aRegulariserOfWeightZeroCostsNothing() {
    try (Bench bench = new Bench(settings(Renoising.DECOUPLED_HYBRID, 1, 0, 1), 5)) {
      Figures figures = bench.update(Toys.points(CLASSES, null, 0, 1, 2, 0));
      assertThat(bench.teacher.evaluations).containsExactly(8);
      assertThat(bench.fake.evaluations).isEmpty();
      assertThat(bench.fake.readings).isEmpty();
      assertThat(bench.fakeRole.steps()).isZero();
      assertThat(figures.values()).doesNotContainKeys("dm", "cosine", "fakeLoss");
      assertThat(figures.get("ca")).isPositive();
    }
  }

  /** α = 1 is no guidance: the unconditional prediction would be multiplied by nothing. */
  @Test
  void withoutGuidanceTheEmptyCaptionIsNotAsked() {
    DecoupledDmd.Settings unguided =
        new DecoupledDmd.Settings(
            StepGrid.uniform(1),
            Guidance.NONE,
            Renoising.COUPLED_SHARED,
            Normaliser.SHARED,
            1,
            1,
            false,
            1);
    try (Bench bench = new Bench(unguided, 1)) {
      Figures figures = bench.update(Toys.points(CLASSES, null, 0, 1));
      assertThat(bench.teacher.evaluations).containsExactly(2);
      assertThat(figures.get("ca")).isZero();
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
    DecoupledDmd.Settings settings =
        new DecoupledDmd.Settings(
            StepGrid.uniform(2),
            new Guidance(3),
            Renoising.DECOUPLED_HYBRID,
            Normaliser.NONE,
            engine,
            regulariser,
            false,
            1);
    try (Bench bench = new Bench(settings, 1)) {
      bench.update(batch);
      return Toys.gradient(bench.studentRole, "last.weight");
    }
  }

  /** Seven items in three parts: the same gradients, weights and figures. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void partsGiveTheSameUpdate(boolean freshRollouts) {
    Batch batch = Toys.points(CLASSES, null, 0, 1, 2, 0, 1, 1, 2);
    try (Bench whole = new Bench(parts(freshRollouts, 1), 2);
        Bench parts = new Bench(parts(freshRollouts, 3), 2)) {
      Figures a = whole.update(batch);
      Figures b = parts.update(batch);
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
    try (Bench alone = new Bench(parts(freshRollouts, 1), 2);
        Bench crew = new Bench(parts(freshRollouts, microBatches), 2)) {
      Figures a = alone.update(batch);
      Engine.threads(3);
      for (int again = 0; again < 3; again++) { // gradients are gone after an update
        Figures b = crew.update(batch);
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

  private static void assertSame(Figures a, Figures b) {
    assertThat(b.values().keySet()).containsExactlyElementsOf(a.values().keySet());
    a.values()
        .forEach(
            (name, value) -> {
              if (!name.startsWith("seconds")) {
                assertThat(b.get(name)).as(name).isCloseTo(value, within(1e-6));
              }
            });
  }

  private static DecoupledDmd.Settings parts(boolean freshRollouts, int count) {
    return new DecoupledDmd.Settings(
        StepGrid.uniform(2),
        new Guidance(3),
        Renoising.DECOUPLED_HYBRID,
        Normaliser.PER_TERM,
        1,
        1,
        freshRollouts,
        count);
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
        new DecoupledDmd(
            settings(Renoising.DECOUPLED_HYBRID, 1, 1, 2),
            Toys.denoiser(teacher),
            Toys.denoiser(student),
            studentRole,
            new DistributionMatching(Toys.denoiser(fake), fakeRole, 1),
            Appearance.NONE)) {
      dmd.update(new Method.Progress(0, 10), Toys.points(CLASSES, null, 0, 1, 2, 0), Rng.of(4));
      for (Parameter p : teacher.parameters().all()) {
        assertThat(p.value().grad()).as(p.name()).isNull();
      }
      for (Role role : List.of(studentRole, fakeRole)) {
        for (Parameter p : role.network().parameters().all()) {
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
    assertDiverges("engine's push (CA)", x -> x.mul(Double.NaN), x -> x);
    assertDiverges("regulariser's pull (DM)", x -> x.mul(0.5), x -> x.mul(Double.NaN));
  }

  private static void assertDiverges(
      String term,
      java.util.function.UnaryOperator<Tensor> teacher,
      java.util.function.UnaryOperator<Tensor> fake) {
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    Role role = Toys.gradientOf("student", student);
    ClosedForm faked = new ClosedForm((x, t, c) -> fake.apply(x));
    try (DecoupledDmd dmd =
        new DecoupledDmd(
            settings(Renoising.DECOUPLED_HYBRID, 1, 1, 1),
            Toys.denoiser(new ClosedForm((x, t, c) -> teacher.apply(x))),
            Toys.denoiser(student),
            role,
            new DistributionMatching(Toys.denoiser(faked), Toys.gradientOf("fake", faked), 1),
            Appearance.NONE)) {
      Batch batch = Toys.points(CLASSES, null, 0, 1);
      assertThatThrownBy(() -> dmd.update(new Method.Progress(0, 10), batch, Rng.of(4)))
          .isInstanceOf(DivergedException.class)
          .hasMessage("the " + term + " became NaN");
      assertThat(role.steps()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 1", "-1, 1, 1", "1, NaN, 1", "1, 1, 0"})
  void settingsOutOfRangeAreRefused(double engine, double regulariser, int parts) {
    assertThatThrownBy(() -> settings(Renoising.COUPLED_SHARED, engine, regulariser, parts))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
