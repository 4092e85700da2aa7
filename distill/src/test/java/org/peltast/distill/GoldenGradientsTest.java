package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.StepGrid;
import org.peltast.distill.dmd.DecoupledDmd;
import org.peltast.distill.dmd.MeanVariance;
import org.peltast.distill.dmd.Normaliser;
import org.peltast.distill.dmd.Renoising;
import org.peltast.distill.dmd.Rollout;
import org.peltast.distill.dmd.WeightedTerm;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * One whole update against gradients computed in float64 from DMD2's and the paper's equations
 * ({@code oracles/distillation.py}). The generator is its image itself, so its gradient is the
 * image's; teacher and fake answer from the file.
 */
@ExtendWith(OneThread.class)
class GoldenGradientsTest {
  @TempDir Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Map<String, Tensor> golden(String name) throws IOException {
    Path file = folder.resolve(name);
    try (InputStream in =
        GoldenGradientsTest.class.getResourceAsStream("/golden/" + name + ".safetensors")) {
      Files.copy(in, file);
    }
    return TensorFiles.read(file);
  }

  /** A generator whose image is its only weight. */
  private static final class Image implements Network {
    private final Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
    private final Parameter x;

    Image(Tensor x) {
      this.x = parameters.declare("x", Parameters.Init.zeros(), x.shape());
      parameters.load(Map.of("x", x));
    }

    @Override
    public Text read(Condition condition) {
      return new ToyText(condition.features().select(1, 0));
    }

    @Override
    public Tensor forward(Tensor xt, Tensor t, Text text) {
      Tensor items = ((ToyText) text).rows().select(1, 1).to(DType.INT64);
      return x.value().indexSelect(0, items);
    }

    @Override
    public Prediction prediction() {
      return Prediction.SAMPLE;
    }

    @Override
    public Parameters parameters() {
      return parameters;
    }
  }

  /**
   * Captions say (conditional?, item), so that an answer can be looked up; the empty one is one.
   */
  private static Batch batch(Tensor x) {
    float[][] captions = new float[(int) x.size(0)][];
    float[][] empty = new float[captions.length][];
    for (int i = 0; i < captions.length; i++) {
      captions[i] = new float[] {1, i};
      empty[i] = new float[] {0, 0};
    }
    return new Batch(
        Toys.captions(captions),
        Toys.captions(empty),
        null,
        List.of((int) x.size(1), (int) x.size(2), (int) x.size(3)),
        0);
  }

  private interface Answers {
    Tensor of(boolean conditional, boolean regulariser);
  }

  /** Looks up each row's answer by its caption, and by whether it stands where the fake stood. */
  private static Tensor look(Answers answers, float[] regulariserTimes, Tensor t, Tensor captions) {
    List<Tensor> rows = new ArrayList<>();
    float[] said = captions.toFloats();
    float[] times = t.toFloats();
    for (int i = 0; i < times.length; i++) {
      int item = i % regulariserTimes.length; // each question is about all items
      boolean regulariser = times[i] == regulariserTimes[item];
      rows.add(answers.of(said[2 * i] == 1, regulariser).select(0, item));
    }
    return Tensor.stack(rows, 0);
  }

  /** What one update does to the image: Δ and the gradient, and what it notes. */
  private record Outcome(float[] push, float[] gradient, Metrics metrics) {}

  private static Outcome update(
      Tensor x, Tensor faked, Answers answers, double alpha, Renoising how, Normaliser... by) {
    List<float[]> times = new ArrayList<>();
    ClosedForm fake =
        new ClosedForm(
            (xt, t, captions) -> {
              times.add(t.toFloats());
              return faked;
            });
    ClosedForm teacher =
        new ClosedForm((xt, t, captions) -> look(answers, times.get(0), t, captions));
    Image image = new Image(x);
    Role role = Toys.gradientOf("student", image);
    try (DecoupledDmd dmd =
        ToyDmd.of(how, 1, 1)
            .steps(1)
            .alpha(alpha)
            .by(by[0], by[by.length - 1])
            .method(teacher, image, role, fake, Toys.gradientOf("fake", fake), 1)) {
      Metrics metrics = ToyDmd.update(dmd, 1, 0, 1, batch(x), Rng.of(1));
      float[] gradient = Toys.gradient(role, "x");
      float[] push = new float[gradient.length];
      for (int i = 0; i < push.length; i++) {
        push[i] = -gradient[i] * push.length; // loss = mean of ½ (x̂ − stopgrad(x̂ + Δ))²
      }
      return new Outcome(push, gradient, metrics);
    }
  }

  /** The files' measure: max |a − b| / max |b|. */
  private static void assertClose(float[] actual, Tensor expected, double sign, double tolerance) {
    float[] b = expected.toFloats();
    assertThat(actual).hasSameSizeAs(b);
    double worst = 0;
    double largest = 0;
    for (int i = 0; i < b.length; i++) {
      worst = Math.max(worst, Math.abs(actual[i] - sign * b[i]));
      largest = Math.max(largest, Math.abs(b[i]));
    }
    assertThat(worst / largest).isLessThan(tolerance);
  }

  /** CA + DM is DMD2 exactly, if τ, ε and the normaliser are shared. */
  @ParameterizedTest
  @CsvSource({"dmd2-alpha1, 1", "dmd2-alpha4, 4", "dmd2-alpha8, 8", "dmd2-nan, 4"})
  void coupledAndSharedIsDmd2(String name, double alpha) throws IOException {
    Map<String, Tensor> file = golden(name);
    Outcome outcome =
        update(
            file.get("input.x"),
            file.get("input.x0_fake"),
            (conditional, r) -> file.get(conditional ? "input.x0_cond" : "input.x0_uncond"),
            alpha,
            Renoising.COUPLED_SHARED,
            Normaliser.SHARED);

    assertClose(outcome.push(), file.get("output.gradient"), -1, 1e-6); // descent subtracts it
    assertClose(outcome.gradient(), file.get("output.grad.x"), 1, 1e-6);
    double loss = file.get("output.loss").item();
    assertThat(outcome.metrics().get("loss")).isCloseTo(loss, within(1e-6 * loss));
    double normaliser = file.get("output.normaliser").mean().item();
    assertThat(outcome.metrics().get("normaliser.ca"))
        .isCloseTo(normaliser, within(1e-6 * normaliser));
  }

  /** The identity needs all three: with a normaliser of its own for each term it is lost. */
  @Test
  void withNormalisersOfTheirOwnTheTermsAreNotDmd2() throws IOException {
    Map<String, Tensor> file = golden("dmd2-alpha4");
    Outcome outcome =
        update(
            file.get("input.x"),
            file.get("input.x0_fake"),
            (conditional, r) -> file.get(conditional ? "input.x0_cond" : "input.x0_uncond"),
            4,
            Renoising.COUPLED_SHARED,
            new Normaliser(Normaliser.Residual.GUIDED, null, 0),
            new Normaliser(Normaliser.Residual.CONDITIONAL, null, 0));
    Tensor ca = file.get("input.x0_cond").sub(file.get("input.x0_uncond")).mul(3);
    Tensor guided = file.get("input.x0_uncond").add(ca.mul(4.0 / 3));
    Tensor dm = file.get("input.x0_cond").sub(file.get("input.x0_fake"));
    Tensor x = file.get("input.x");
    Tensor byOwn =
        ca.div(x.sub(guided).abs().mean(true, 1, 2, 3))
            .add(dm.div(x.sub(file.get("input.x0_cond")).abs().mean(true, 1, 2, 3)));

    assertClose(outcome.push(), byOwn, 1, 1e-6);
    double apart = byOwn.add(file.get("output.gradient")).abs().mean().item();
    assertThat(apart).isGreaterThan(0.05);
  }

  /** Equation 8 itself: each term from its own draw, nothing divided. */
  @ParameterizedTest
  @ValueSource(strings = {"decoupled-full", "decoupled-constrained", "decoupled-hybrid"})
  void decoupledTermsComeFromTheirOwnDraws(String schedule) throws IOException {
    Map<String, Tensor> file = golden("decoupled-alpha4");
    Outcome outcome =
        update(
            file.get("input.x"),
            file.get("input.x0_fake_dm"),
            (conditional, regulariser) ->
                file.get(
                    regulariser
                        ? "input.x0_cond_dm"
                        : conditional ? "input.x0_cond_ca" : "input.x0_uncond_ca"),
            4,
            Renoising.parse(schedule),
            Normaliser.NONE);

    assertClose(outcome.push(), file.get("output.gradient"), -1, 1e-6);
    assertThat(outcome.metrics().get("ca")).isCloseTo(rms(file.get("output.ca")), within(1e-6));
    assertThat(outcome.metrics().get("dm")).isCloseTo(rms(file.get("output.dm")), within(1e-6));
    assertThat(outcome.metrics().get("cosine"))
        .isCloseTo(file.get("output.cosine").mean().item(), within(1e-6));
  }

  private static double rms(Tensor x) {
    return x.square().mean(false, 1, 2, 3).sqrt().mean().item();
  }

  /** Equation 7, and what it does to the image as the only term of an update. */
  @Test
  void meanAndVarianceAreHeldByTheirDivergence() throws IOException {
    Map<String, Tensor> file = golden("mean-variance");
    Tensor images = file.get("input.images");
    MeanVariance shield =
        new MeanVariance(
            file.get("output.real_mean").item(), file.get("output.real_variance").item());
    Image image = new Image(images);
    Role role = Toys.gradientOf("student", image);
    ClosedForm teacher = new ClosedForm((x, t, captions) -> x);
    double weight = 0.5;
    Metrics metrics;
    try (DecoupledDmd dmd =
        new DecoupledDmd(
            Toys.denoiser(teacher),
            Toys.denoiser(image),
            role,
            new Rollout(StepGrid.uniform(1)),
            Renoising.DECOUPLED_HYBRID,
            List.of(new WeightedTerm(shield, weight)),
            List.of(),
            Appearance.NONE)) {
      metrics = ToyDmd.update(dmd, 2, 0, 1, batch(images), Rng.of(1));
      Tensor expected = file.get("output.grad.images").mul(weight);
      assertClose(Toys.gradient(role, "x"), expected, 1, 1e-5);
    }
    double loss = file.get("output.loss").item();
    assertThat(metrics.get("meanVarianceLoss")).isCloseTo(loss, within(1e-5 * loss));
    assertThat(metrics.get("loss")).isCloseTo(weight * loss, within(1e-5 * loss));
    assertThat(teacher.evaluations).isEmpty();
  }

  /** Moments of pictures: the gradient of equation 7 by hand, through a decoder y = 2z + 1. */
  @Test
  void momentsOfDecodedPicturesPushTheLatents() {
    float[] z = {0.5f, -1, 2, 0.25f, -0.5f, 1, 0, 3};
    Image image = new Image(Tensor.of(z, 1, 2, 2, 2));
    Role role = Toys.gradientOf("student", image);
    double mean = 0.5;
    double variance = 2;
    MeanVariance shield =
        new MeanVariance(
            () -> new MeanVariance.Moments(mean, variance), latents -> latents.mul(2).add(1));
    Metrics metrics;
    try (DecoupledDmd dmd =
        new DecoupledDmd(
            Toys.denoiser(new ClosedForm((x, t, captions) -> x)),
            Toys.denoiser(image),
            role,
            new Rollout(StepGrid.uniform(1)),
            Renoising.DECOUPLED_HYBRID,
            List.of(new WeightedTerm(shield, 1)),
            List.of(),
            Appearance.NONE)) {
      metrics = ToyDmd.update(dmd, 2, 0, 1, batch(Tensor.of(z, 1, 2, 2, 2)), Rng.of(1));
    }
    int n = z.length;
    double mu = 0;
    for (float v : z) {
      mu += (2 * v + 1) / n;
    }
    double sigma2 = 0;
    for (float v : z) {
      sigma2 += (2 * v + 1 - mu) * (2 * v + 1 - mu) / n;
    }
    double loss =
        0.5 * (Math.log(variance / sigma2) + (sigma2 + (mu - mean) * (mu - mean)) / variance - 1);
    assertThat(metrics.get("meanVarianceLoss")).isCloseTo(loss, within(1e-5));
    float[] expected = new float[n];
    for (int i = 0; i < n; i++) {
      double y = 2 * z[i] + 1;
      expected[i] =
          (float) (2 * ((mu - mean) / variance + (y - mu) * (1 / variance - 1 / sigma2)) / n);
    }
    assertClose(Toys.gradient(role, "x"), Tensor.of(expected, 1, 2, 2, 2), 1, 1e-5);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "NaN, 1", "0, -1", "0, NaN"})
  void aTargetWithoutVarianceIsRefused(double mean, double variance) {
    assertThatThrownBy(() -> new MeanVariance(mean, variance))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
