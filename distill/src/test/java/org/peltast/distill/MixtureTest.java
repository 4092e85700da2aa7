package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.dmd.CfgAugmentation;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.DistributionMatching;
import org.peltast.distill.dmd.FakeModel;
import org.peltast.distill.dmd.Normaliser;
import org.peltast.distill.dmd.PredictionRequest;
import org.peltast.distill.dmd.Renoising;
import org.peltast.distill.dmd.Rollout;
import org.peltast.distill.dmd.Term;
import org.peltast.distill.dmd.View;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;

/** Distils a mixture in the plane, of which everything is known. */
class MixtureTest {
  private static int threads;
  private Scope scope;

  /** Operations this small gain nothing from threads, and on a busy machine lose much. */
  @BeforeAll
  static void oneThread() {
    threads = Engine.threads();
    Engine.threads(1);
  }

  @AfterAll
  static void allThreads() {
    Engine.threads(threads);
  }

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  // Directions against scores.

  /**
   * In x₀ space a difference of predictions is a difference of scores times (1 − τ)²/τ: the engine
   * is (α − 1)(s(c) − s(∅)), distribution matching s(c) − s_fake(c), and the push their sum, which
   * equation 5 says of guided distillation too.
   */
  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.4, 0.8})
  void directionsAreDifferencesOfScores(double tau) {
    double alpha = 3;
    int n = 12;
    int[] classes = new int[n];
    for (int i = 0; i < n; i++) {
      classes[i] = i % 3;
    }
    Batch batch = Toys.points(Mixture.CLASSES, null, classes);
    Tensor images = Rng.of(1).normal(n, 2, 1, 1).mul(2);
    Denoiser teacher = Toys.denoiser(Mixture.teacher());
    // A generator whose images have the density of the next class.
    Network moved =
        new ClosedForm(
            (x, t, captions) ->
                Mixture.teacher()
                    .forward(
                        x,
                        t,
                        new ToyText(captions.indexSelect(1, Tensor.of(new long[] {2, 0, 1}, 3)))));
    Renoising.Draw ca = draw(batch, tau, Rng.of(2));
    Renoising.Draw dm = draw(batch, tau, Rng.of(3));

    Network.Text empty = teacher.network().read(batch.empty());
    View view =
        new View(
            images,
            images,
            new Renoising.Draws(ca, dm),
            batch,
            new PredictionRequest(teacher, images),
            teacher.network().read(batch.condition()),
            () -> empty,
            Rng.of(4));
    Supplier<Term.Contribution> engine = new CfgAugmentation(new Guidance(alpha)).ask(view);
    Supplier<Term.Contribution> matching = new DistributionMatching(Toys.denoiser(moved)).ask(view);
    view.teacher().evaluate();
    float[] byEngine = direction(engine);
    float[] byMatching = direction(matching);

    double scale = (1 - tau) * (1 - tau) / tau;
    for (int i = 0; i < n; i++) {
      double[] atCa = noised(images, ca, tau, i);
      double[] atDm = noised(images, dm, tau, i);
      for (int d = 0; d < 2; d++) {
        double engineScore =
            Mixture.score(atCa, tau, classes[i])[d] - Mixture.score(atCa, tau, -1)[d];
        double matchingScore =
            Mixture.score(atDm, tau, classes[i])[d]
                - Mixture.score(atDm, tau, (classes[i] + 1) % 3)[d];
        assertThat((double) byEngine[2 * i + d])
            .isCloseTo((alpha - 1) * scale * engineScore, within(2e-4));
        assertThat((double) byMatching[2 * i + d]).isCloseTo(scale * matchingScore, within(2e-4));
      }
    }
  }

  private static float[] direction(Supplier<Term.Contribution> asked) {
    return ((Term.Contribution.Direction) asked.get()).value().toFloats();
  }

  private static Renoising.Draw draw(Batch batch, double tau, Rng rng) {
    return new Renoising.Draw(batch.numbers(rng, r -> tau), batch.noise(rng));
  }

  private static double[] noised(Tensor images, Renoising.Draw draw, double tau, int i) {
    float[] x = images.toFloats();
    float[] e = draw.noise().toFloats();
    return new double[] {
      tau * x[2 * i] + (1 - tau) * e[2 * i], tau * x[2 * i + 1] + (1 - tau) * e[2 * i + 1]
    };
  }

  // Distillation.

  private static final int BATCH = 96;

  private static Role role(String name, Network network, double rate) {
    return new Role(
        name,
        network,
        new Role.Settings(
            new LearningRate(rate, 10, 0.3), new AdamW.Settings(0.9, 0.99, 1e-8, 0), 10, 0.9));
  }

  private static int[] classes(int n) {
    int[] classes = new int[n];
    for (int i = 0; i < n; i++) {
      classes[i] = i % Mixture.CLASSES;
    }
    return classes;
  }

  /** An ordinary flow model of the mixture, from which student and fake start. */
  private static Mlp pretrained(int updates) {
    Mlp network = new Mlp(2, Mixture.CLASSES, 48, Rng.of(11));
    Rng rng = Rng.of(12);
    try (FlowMatching method =
        new FlowMatching(
            Toys.denoiser(network),
            role("teacher", network, 1e-2),
            FlowMatching.Settings.defaults())) {
      for (int u = 0; u < updates; u++) {
        try (Scope s = Scope.open()) {
          int[] classes = classes(BATCH);
          Batch batch =
              Toys.points(
                  Mixture.CLASSES, Mixture.sample(classes, rng.fork("data").fork(u)), classes);
          ToyDmd.update(method, 1, u, updates, batch, rng.fork(u));
        }
      }
    }
    return network;
  }

  private static Mlp copy(Mlp of) {
    Mlp copy = new Mlp(2, Mixture.CLASSES, 48, Rng.of(0));
    copy.parameters().copyFrom(of.parameters());
    return copy;
  }

  /** Images of the classes in turn, by the few-step sampler. */
  private static float[] generate(Denoiser generator, StepGrid grid, int n) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Batch batch = Toys.points(Mixture.CLASSES, null, classes(n));
      Network.Text text = generator.network().read(batch.condition());
      int last = grid.size() - 1;
      Rollout.Start start = new Rollout(grid).walk(generator, text, batch, last, Rng.of(77));
      return generator.clean(start.xt(), start.time(), text).toFloats();
    }
  }

  /** Distils from the pretrained start, and looks at the pictures of each quarter. */
  private static List<Crowd> distil(Mlp start, StepGrid grid, double alpha, double shield) {
    int updates = 100;
    Mlp student = copy(start);
    Mlp fake = copy(start);
    List<Crowd> looks = new ArrayList<>();
    looks.add(new Crowd(generate(Toys.denoiser(student), grid, 600)));
    try (DecoupledDmd dmd =
        new ToyDmd(
                grid,
                new Guidance(alpha),
                Renoising.DECOUPLED_HYBRID,
                Normaliser.SHARED,
                Normaliser.SHARED,
                1,
                shield,
                FakeModel.Images.KEPT,
                false)
            .method(
                Mixture.teacher(),
                student,
                role("student", student, 2e-3),
                fake,
                role("fake", fake, 4e-3),
                5)) {
      for (int u = 0; u < updates; u++) {
        try (Scope s = Scope.open()) {
          Batch batch = Toys.points(Mixture.CLASSES, null, classes(BATCH));
          ToyDmd.update(dmd, 1, u, updates, batch, Rng.of(5).fork(u));
        }
        if (u % 25 == 24) {
          looks.add(new Crowd(generate(Toys.denoiser(student), grid, 600)));
        }
      }
    }
    return looks;
  }

  /** What images of the classes in turn look like, each counted to the mode nearest to it. */
  private static final class Crowd {
    final double variance; // total, over the whole crowd
    final double astray; // the share nearest to a mode of another class
    final double[] share = new double[2 * Mixture.CLASSES]; // of all
    final double[][] centre = new double[2 * Mixture.CLASSES][2];

    Crowd(float[] x) {
      int n = x.length / 2;
      double square = 0;
      double lost = 0;
      for (int i = 0; i < n; i++) {
        square += (x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1]) / n;
        int nearest = nearest(x[2 * i], x[2 * i + 1]);
        lost += nearest / 2 == i % Mixture.CLASSES ? 0 : 1.0 / n;
        share[nearest] += 1.0 / n;
        centre[nearest][0] += x[2 * i];
        centre[nearest][1] += x[2 * i + 1];
      }
      for (int k = 0; k < share.length; k++) {
        centre[k][0] /= share[k] * n;
        centre[k][1] /= share[k] * n;
      }
      variance = square;
      astray = lost;
    }

    private static int nearest(double x, double y) {
      int nearest = 0;
      double distance = Double.POSITIVE_INFINITY;
      for (int k = 0; k < 2 * Mixture.CLASSES; k++) {
        double d = Math.hypot(x - Mixture.mode(k)[0], y - Mixture.mode(k)[1]);
        if (d < distance) {
          distance = d;
          nearest = k;
        }
      }
      return nearest;
    }

    /** The mean distance of the crowd's centres from the modes. */
    double off() {
      double sum = 0;
      for (int k = 0; k < share.length; k++) {
        sum += Math.hypot(centre[k][0] - Mixture.mode(k)[0], centre[k][1] - Mixture.mode(k)[1]);
      }
      return sum / share.length;
    }

    @Override
    public String toString() {
      return "variance %.2f, astray %.3f, off %.2f, shares %s"
          .formatted(variance, astray, off(), Arrays.toString(share));
    }
  }

  /** The variance of the truth: of the modes' places and of what is around them. */
  private static final double TRUTH =
      Mixture.RADIUS * Mixture.RADIUS
          + Mixture.APART * Mixture.APART
          + 2 * Mixture.DEVIATION * Mixture.DEVIATION;

  /**
   * The whole story in one plane: a flow model cut to one or two steps blurs the modes of a class
   * together; engine and shield bring it to all six; the engine alone drives it outwards for ever.
   */
  @Test
  void theEngineAloneRunsAwayAndTheShieldHoldsItAtTheTruth() {
    Mlp start = pretrained(150);
    for (int steps : new int[] {1, 2}) {
      List<Crowd> held = distil(start, StepGrid.uniform(steps), 2, 1);
      Crowd end = held.get(held.size() - 1);
      assertThat(end.astray).as("%s steps: %s", steps, held).isLessThan(0.02);
      assertThat(end.off()).as("%s steps: %s", steps, held).isLessThan(0.5);
      assertThat(end.off()).isLessThan(0.7 * held.get(0).off());
      for (double share : end.share) {
        assertThat(share).as("%s steps: %s", steps, held).isBetween(0.25 / 3, 0.75 / 3);
      }
      for (Crowd look : held) {
        assertThat(look.variance)
            .as("%s steps: %s", steps, held)
            .isBetween(0.75 * TRUTH, 1.25 * TRUTH);
      }
    }
    List<Crowd> alone = distil(start, StepGrid.uniform(1), 2, 0);
    for (int i = 1; i < alone.size(); i++) {
      assertThat(alone.get(i).variance)
          .as("the engine alone: %s", alone)
          .isGreaterThan(alone.get(i - 1).variance);
    }
    assertThat(alone.get(alone.size() - 1).variance).isGreaterThan(5 * TRUTH);
  }
}
