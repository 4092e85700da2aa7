package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.Network;
import org.peltast.diffusion.NoisePath;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.TimeShift;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.distill.consistency.Lcm;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * Latent consistency distillation: against closed forms, and against losses and gradients that
 * PyTorch computes ({@code oracles/consistency.py}).
 */
@ExtendWith(OneThread.class)
class LcmTest {
  private static final int CLASSES = 3;
  @TempDir private Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** A network that answers the clean image w ⊙ x + b·caption, of which all gradients are known. */
  private static final class Affine implements Network {
    private final Parameters parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
    private final Parameter w = parameters.declare("w", Parameters.Init.zeros(), 1, 2, 1, 1);
    private final Parameter b = parameters.declare("b", Parameters.Init.zeros(), 1);
    private final Prediction kind;

    Affine(Tensor w, Tensor b, Prediction kind) {
      this.kind = kind;
      parameters.load(Map.of("w", w.reshape(1, 2, 1, 1), "b", b.reshape(1)));
    }

    @Override
    public Text read(Condition condition) {
      return new ToyText(condition.features().select(1, 0));
    }

    @Override
    public Tensor forward(Tensor x, Tensor t, Text text) {
      Tensor rows = ((ToyText) text).rows().narrow(1, 0, 2); // (B, 2)
      return x.mul(w.value()).add(rows.reshape(rows.size(0), 2, 1, 1).mul(b.value()));
    }

    @Override
    public Prediction prediction() {
      return kind;
    }

    @Override
    public Parameters parameters() {
      return parameters;
    }
  }

  private Map<String, Tensor> golden(String name) throws IOException {
    Path file = folder.resolve(name);
    try (InputStream in = LcmTest.class.getResourceAsStream("/golden/" + name + ".safetensors")) {
      Files.copy(in, file);
    }
    return TensorFiles.read(file);
  }

  /**
   * The file holds the very draws of stream 4 (steps, guidance, noise), so that PyTorch computes
   * the same update; a change of streams is seen first.
   */
  @ParameterizedTest
  @CsvSource({"lcm-flow, VELOCITY", "lcm-vp, EPSILON"})
  void lossAndGradientAreThoseOfPyTorch(String name, Prediction kind) throws IOException {
    Map<String, Tensor> file = golden(name);
    NoisePath path = name.endsWith("vp") ? VariancePreserving.SDXL : new RectifiedFlow();
    TimeShift shift = new TimeShift(name.endsWith("vp") ? 1 : 3);
    Affine teacher = new Affine(file.get("input.teacher.w"), file.get("input.teacher.b"), kind);
    Affine student = new Affine(file.get("input.student.w"), file.get("input.student.b"), kind);
    Affine target = new Affine(file.get("input.target.w"), file.get("input.target.b"), kind);
    Batch batch = Toys.points(CLASSES, file.get("input.x0"), 0, 1, 2, 0);
    Rng stream = Rng.of(4).fork("student").fork(0);
    assertThat(batch.numbers(stream.fork("step"), r -> 1.0 + r.below(50)).toFloats())
        .isEqualTo(file.get("input.step").toFloats());
    assertThat(batch.numbers(stream.fork("guidance"), r -> r.uniform(4, 16)).toFloats())
        .isEqualTo(file.get("input.alpha").toFloats());
    assertThat(batch.noise(stream.fork("noise")).toFloats())
        .isEqualTo(file.get("input.noise").toFloats());

    Role role =
        new Role(
            "student",
            student,
            new Role.Settings(
                new LearningRate(1e-3, 0, 0), new AdamW.Settings(0, 0.999, 1e-8, 0), 1e9, 0));
    Lcm method =
        new Lcm(
            new Lcm.Settings(50, 4, 16, 1e-3),
            new Denoiser(teacher, path, shift),
            new Denoiser(student, path, shift),
            new Denoiser(target, path, shift),
            role);
    Metrics metrics = ToyDmd.update(method, 1, batch, Rng.of(4));
    double loss = file.get("output.loss").item();
    assertThat(metrics.get("loss")).isCloseTo(loss, within(1e-4 * loss));
    for (String weight : List.of("w", "b")) {
      float[] expected = file.get("output.grad." + weight).toFloats();
      float[] actual = Toys.gradient(role, weight);
      double largest = 0;
      for (float v : expected) {
        largest = Math.max(largest, Math.abs(v));
      }
      for (int i = 0; i < expected.length; i++) {
        assertThat((double) actual[i]).as(weight).isCloseTo(expected[i], within(1e-3 * largest));
      }
    }
  }

  /** A perfect denoiser of a point mass is consistent: every answer is the point, the loss 0. */
  @ParameterizedTest
  @ValueSource(ints = {1, 50})
  void whatIsConsistentHasNoLoss(int steps) {
    Tensor point = Tensor.of(new float[] {0.5f, -1}, 1, 2, 1, 1);
    ClosedForm sure = new ClosedForm((x, t, c) -> x.mul(0).add(point));
    Role role = Toys.gradientOf("student", sure);
    Lcm method =
        new Lcm(
            new Lcm.Settings(steps, 3, 3, 1e-3),
            Toys.denoiser(sure),
            Toys.denoiser(sure),
            Toys.denoiser(sure),
            role);
    Batch batch = Toys.points(CLASSES, Tensor.zeros(4, 2, 1, 1).add(point), 0, 1, 2, 0);
    assertThat(ToyDmd.update(method, 1, batch, Rng.of(1)).get("loss")).isLessThan(1e-6);
  }

  /** The update is the same in parts: times, scales and noises belong to items. */
  @Test
  void partsGiveTheSameUpdate() {
    Batch batch =
        Toys.points(CLASSES, Mixture.sample(new int[] {0, 1, 2, 0, 1}, Rng.of(6)), 0, 1, 2, 0, 1);
    double[] losses = new double[2];
    float[][] gradients = new float[2][];
    for (int parts = 1; parts <= 2; parts++) {
      Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
      Role role = Toys.gradientOf("student", student);
      Lcm method =
          new Lcm(
              new Lcm.Settings(20, 2, 4, 1e-3),
              Toys.denoiser(Mixture.teacher()),
              Toys.denoiser(student),
              Toys.denoiser(student),
              role);
      losses[parts - 1] = ToyDmd.update(method, parts, batch, Rng.of(1)).get("loss");
      gradients[parts - 1] = Toys.gradient(role, "last.weight");
    }
    assertThat(losses[1]).isCloseTo(losses[0], within(1e-6));
    for (int i = 0; i < gradients[0].length; i++) {
      assertThat(gradients[1][i]).isCloseTo(gradients[0][i], within(1e-6f));
    }
  }

  /** Against the target network, not the student: moving the target moves the loss. */
  @Test
  void theTargetIsTheAverageNetwork() {
    Batch batch =
        Toys.points(CLASSES, Mixture.sample(new int[] {0, 1, 2, 0}, Rng.of(6)), 0, 1, 2, 0);
    double[] losses = new double[2];
    for (int i = 0; i < 2; i++) {
      Mlp student = new Mlp(2, CLASSES, 8, Rng.of(1));
      Mlp target = new Mlp(2, CLASSES, 8, Rng.of(1 + i));
      losses[i] =
          ToyDmd.update(
                  new Lcm(
                      new Lcm.Settings(20, 2, 2, 1e-3),
                      Toys.denoiser(Mixture.teacher()),
                      Toys.denoiser(student),
                      Toys.denoiser(target),
                      Toys.gradientOf("student", student)),
                  1,
                  batch,
                  Rng.of(1))
              .get("loss");
    }
    assertThat(losses[1]).isNotCloseTo(losses[0], within(1e-4));
  }

  @ParameterizedTest
  @CsvSource({"0, 3, 3, 1e-3", "50, 4, 3, 1e-3", "50, 3, 3, 0", "50, NaN, 3, 1e-3"})
  void settingsOutOfRangeAreRefused(int steps, double low, double high, double huber) {
    assertThatThrownBy(() -> new Lcm.Settings(steps, low, high, huber))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
