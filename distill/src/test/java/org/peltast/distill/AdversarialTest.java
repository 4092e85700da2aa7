package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.adversarial.AdversarialLoss;
import org.peltast.distill.adversarial.Discriminator;
import org.peltast.distill.adversarial.DiscriminatorHead;
import org.peltast.distill.dmd.Adversary;
import org.peltast.distill.dmd.CfgAugmentation;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.Dmd2;
import org.peltast.distill.dmd.Renoising;
import org.peltast.distill.dmd.Rollout;
import org.peltast.distill.dmd.TeacherCritic;
import org.peltast.distill.dmd.WeightedTerm;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Parameter;

/** The adversary: its losses in closed form, who learns from it, and DMD2 as a whole. */
@ExtendWith(OneThread.class)
class AdversarialTest {
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

  private static Batch batch() {
    return Toys.points(CLASSES, Mixture.sample(new int[] {0, 1, 2, 0}, Rng.of(6)), 0, 1, 2, 0);
  }

  /** A head whose logit is the mean of a tap of one token and one channel. */
  private static Discriminator discriminator(
      Mlp trunk, DiscriminatorHead head, AdversarialLoss loss, double r1) {
    return new Discriminator(
        Toys.denoiser(trunk), head, new Discriminator.Settings(loss, 0, 1, r1, 0.1));
  }

  private static DiscriminatorHead head(Mlp trunk) {
    return new DiscriminatorHead(trunk, List.of("hidden"), 6, Device.CPU, Rng.of(8));
  }

  /** The logits that a discriminator's metrics tell agree with its loss by the published forms. */
  @ParameterizedTest
  @CsvSource({"softplus", "hinge"})
  void lossesAreThePublishedOnes(String name) {
    Mlp trunk = new Mlp(2, CLASSES, 8, Rng.of(2));
    try (DiscriminatorHead head = head(trunk);
        Autograd off = Autograd.off()) {
      AdversarialLoss loss = AdversarialLoss.parse(name);
      Discriminator d = discriminator(trunk, head, loss, 0);
      // One item, so that means over items are the logits themselves.
      Batch one = batch().narrow(new org.peltast.tensor.Range(1, 1));
      Tensor generated = Tensor.ones(1, 2, 1, 1);
      Metrics metrics = new Metrics();
      double value =
          d.loss(one.images(), generated, trunk.read(one.condition()), one, Rng.of(3), metrics)
              .item();
      metrics.settle();
      double real = metrics.get("logit.real");
      double fake = metrics.get("logit.fake");
      assertThat(real).isNotEqualTo(fake);
      double expected =
          name.equals("softplus")
              ? Math.log1p(Math.exp(-real)) + Math.log1p(Math.exp(fake))
              : Math.max(0, 1 - real) + Math.max(0, 1 + fake);
      assertThat(value).isCloseTo(expected, within(1e-5));
      double generator =
          d.generatorLoss(generated, trunk.read(one.condition()), one, Rng.of(3).fork("fake"))
              .item();
      assertThat(generator)
          .isCloseTo(name.equals("softplus") ? Math.log1p(Math.exp(-fake)) : -fake, within(1e-5));
    }
  }

  /** Approximate R1: the weight times the mean square of what a small step changes. */
  @Test
  void theApproximateR1PenaltyIsAdded() {
    Mlp trunk = new Mlp(2, CLASSES, 8, Rng.of(2));
    try (DiscriminatorHead head = head(trunk);
        Autograd off = Autograd.off()) {
      Batch batch = batch();
      Tensor generated = Tensor.ones(4, 2, 1, 1);
      Metrics noted = new Metrics();
      double with =
          discriminator(trunk, head, AdversarialLoss.SOFTPLUS, 5)
              .loss(
                  batch.images(), generated, trunk.read(batch.condition()), batch, Rng.of(3), noted)
              .item();
      double without =
          discriminator(trunk, head, AdversarialLoss.SOFTPLUS, 0)
              .loss(
                  batch.images(),
                  generated,
                  trunk.read(batch.condition()),
                  batch,
                  Rng.of(3),
                  new Metrics())
              .item();
      noted.settle();
      assertThat(noted.get("r1")).isPositive();
      assertThat(with).isCloseTo(without + 5 * noted.get("r1"), within(1e-5));
    }
  }

  /** A whole DMD2: roles, their steps, and that the generator's phase leaves the critic alone. */
  @Test
  void dmd2TrainsStudentFakeAndHeadEachInItsPhase() {
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    Mlp fake = new Mlp(2, CLASSES, 8, Rng.of(3));
    try (DiscriminatorHead head = head(fake)) {
      Role studentRole = Toys.gradientOf("student", student);
      Role fakeRole = Toys.gradientOf("fake", fake);
      Role headRole =
          new Role(
              "discriminator",
              head.parameters(),
              new Role.Settings(
                  new LearningRate(1e-3, 0, 0), new AdamW.Settings(0, 0.999, 1e-8, 0), 1e9, 0));
      try (Dmd2 method =
          dmd2(student, fake, head, new Dmd2.Roles(studentRole, fakeRole, headRole), 5e-3)) {
        UpdateExecutor executor = new UpdateExecutor(method, 2);
        assertThat(executor.roles()).containsExactly(studentRole, fakeRole, headRole);
        assertThat(executor.draws()).isEqualTo(1 + 5);
        List<Batch> draws = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
          draws.add(batch());
        }
        Metrics metrics = executor.update(0, 1, draws, Rng.of(4), () -> {});
        assertThat(studentRole.steps()).isEqualTo(1);
        assertThat(fakeRole.steps()).isEqualTo(5);
        assertThat(headRole.steps()).isEqualTo(5);
        assertThat(metrics.values())
            .containsKeys("ca", "dm", "ganLoss", "fakeLoss", "discriminatorLoss", "logit.real");
        for (Mlp network : List.of(student, fake)) {
          for (Parameter p : network.parameters().all()) {
            assertThat(p.value().grad()).as(p.name()).isNull();
          }
        }
      }
    }
  }

  private static Dmd2 dmd2(
      Mlp student, Mlp fake, DiscriminatorHead head, Dmd2.Roles roles, double weight) {
    return new Dmd2(
        new Dmd2.Settings(new Guidance(3), Renoising.COUPLED_SHARED, 5, weight, 1e-2),
        Toys.denoiser(Mixture.teacher()),
        Toys.denoiser(student),
        Toys.denoiser(fake),
        discriminator(fake, head, AdversarialLoss.SOFTPLUS, 0),
        roles,
        new Rollout(StepGrid.uniform(2)),
        Appearance.NONE);
  }

  /** The paper's adversary: heads on the frozen teacher's features, which stay as they are. */
  @Test
  void aTeachersCriticTrainsItsHeadAlone() {
    Mlp teacher = new Mlp(2, CLASSES, 8, Rng.of(2));
    teacher.parameters().trainable(false);
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
    try (DiscriminatorHead head = head(teacher)) {
      Role studentRole = Toys.gradientOf("student", student);
      Role headRole =
          new Role(
              "discriminator",
              head.parameters(),
              new Role.Settings(new LearningRate(1e-2, 0, 0), AdamW.Settings.defaults(), 1e9, 0));
      Discriminator d = discriminator(teacher, head, AdversarialLoss.HINGE, 0);
      float[] before = head.parameters().all().get(2).value().toFloats();
      Map<String, Tensor> frozen = teacher.parameters().values();
      List<float[]> weights = frozen.values().stream().map(Tensor::toFloats).toList();
      try (DecoupledDmd method =
          new DecoupledDmd(
              Toys.denoiser(teacher),
              Toys.denoiser(student),
              studentRole,
              new Rollout(StepGrid.uniform(1)),
              Renoising.DECOUPLED_HYBRID,
              List.of(
                  new WeightedTerm(new CfgAugmentation(new Guidance(2)), 1),
                  new WeightedTerm(new Adversary(d), 0.1)),
              List.of(new TeacherCritic(d, headRole, 2, 1)),
              Appearance.NONE)) {
        Metrics metrics = ToyDmd.update(method, 1, batch(), Rng.of(4));
        assertThat(metrics.get("ganLoss")).isNotZero();
        assertThat(headRole.steps()).isEqualTo(2);
      }
      assertThat(head.parameters().all().get(2).value().toFloats()).isNotEqualTo(before);
      assertThat(teacher.parameters().values().values().stream().map(Tensor::toFloats).toList())
          .usingRecursiveComparison()
          .isEqualTo(weights);
      teacher.parameters().all().forEach(p -> assertThat(p.value().grad()).isNull());
    }
  }

  /** An adversary that looks at separable toys tells real from generated after a while. */
  @Test
  void theDiscriminatorLearnsToTellRealFromGenerated() {
    Mlp teacher = new Mlp(2, CLASSES, 16, Rng.of(2));
    Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1)); // untrained: its images are near noise
    try (DiscriminatorHead head =
        new DiscriminatorHead(teacher, List.of("hidden"), 16, Device.CPU, Rng.of(8))) {
      Role headRole =
          new Role(
              "discriminator",
              head.parameters(),
              new Role.Settings(new LearningRate(1e-2, 0, 0), AdamW.Settings.defaults(), 1e9, 0));
      Discriminator d =
          new Discriminator(
              Toys.denoiser(teacher),
              head,
              new Discriminator.Settings(AdversarialLoss.SOFTPLUS, 0.7, 1, 0, 0.1));
      Role idle =
          new Role(
              "student",
              student,
              new Role.Settings(new LearningRate(1e-12, 0, 0), AdamW.Settings.defaults(), 1e9, 0));
      try (DecoupledDmd method =
          new DecoupledDmd(
              Toys.denoiser(teacher),
              Toys.denoiser(student),
              idle,
              new Rollout(StepGrid.uniform(1)),
              Renoising.DECOUPLED_HYBRID,
              List.of(new WeightedTerm(new Adversary(d), 0.1)),
              List.of(new TeacherCritic(d, headRole, 1, 1)),
              Appearance.NONE)) {
        double first = 0;
        double last = 0;
        for (int u = 0; u < 120; u++) {
          int[] classes = new int[48];
          for (int i = 0; i < classes.length; i++) {
            classes[i] = i % CLASSES;
          }
          try (Scope s = Scope.open()) {
            Batch data = Toys.points(CLASSES, Mixture.sample(classes, Rng.of(6).fork(u)), classes);
            Metrics m = ToyDmd.update(method, 1, u, 120, data, Rng.of(4).fork(u));
            double apart = m.get("logit.real") - m.get("logit.fake");
            first += u < 10 ? apart / 10 : 0;
            last += u >= 110 ? apart / 10 : 0;
          }
        }
        assertThat(first).isLessThan(1);
        assertThat(last).isGreaterThan(2);
      }
    }
  }

  @Test
  void mistakesAreNamed() {
    assertThatThrownBy(() -> AdversarialLoss.parse("wgan"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("softplus or hinge");
    assertThatThrownBy(() -> new Discriminator.Settings(AdversarialLoss.HINGE, 0.5, 0.4, 0, 0.1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("in order");
    ClosedForm plain = new ClosedForm((x, t, c) -> x);
    Mlp trunk = new Mlp(2, CLASSES, 8, Rng.of(2));
    try (DiscriminatorHead head = head(trunk)) {
      assertThatThrownBy(
              () -> new Discriminator(Toys.denoiser(plain), head, Discriminator.Settings.dmd2()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("no intermediate features");
    }
  }
}
