package org.peltast.distill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Denoiser;
import org.peltast.diffusion.RectifiedFlow;
import org.peltast.diffusion.TimeShift;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.AdamW;

@ExtendWith(OneThread.class)
class FlowMatchingTest {
  private static final FlowMatching.Settings PLAIN = new FlowMatching.Settings(0, 0, 1);
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Batch data(int items, long update) {
    int[] classes = new int[items];
    for (int i = 0; i < items; i++) {
      classes[i] = i % Mixture.CLASSES;
    }
    return Toys.points(Mixture.CLASSES, Mixture.sample(classes, Rng.of(6).fork(update)), classes);
  }

  @Test
  void theLossFalls() {
    Mlp network = new Mlp(2, Mixture.CLASSES, 16, Rng.of(1));
    List<Double> losses = new ArrayList<>();
    Role role =
        new Role(
            "teacher",
            network,
            new Role.Settings(new LearningRate(1e-2, 0, 0), AdamW.Settings.defaults(), 10, 0.9));
    try (FlowMatching method =
        new FlowMatching(Toys.denoiser(network), role, FlowMatching.Settings.defaults())) {
      for (int u = 0; u < 60; u++) {
        try (Scope s = Scope.open()) {
          losses.add(ToyDmd.update(method, 1, u, 60, data(32, u), Rng.of(2).fork(u)).get("loss"));
        }
      }
    }
    double before = losses.subList(0, 10).stream().mapToDouble(v -> v).average().orElseThrow();
    double after = losses.subList(50, 60).stream().mapToDouble(v -> v).average().orElseThrow();
    assertThat(after).isLessThan(0.6 * before);
  }

  /** Captions are one-hot, the empty one is zeros: what the network reads says what was dropped. */
  @Test
  void theShareOfEmptyCaptionsIsAsAsked() {
    List<Double> kept = new ArrayList<>();
    ClosedForm network =
        new ClosedForm(
            (x, t, captions) -> {
              kept.add(captions.sum().item() / captions.size(0));
              return x;
            });
    try (FlowMatching method =
        new FlowMatching(
            Toys.denoiser(network),
            Toys.gradientOf("teacher", network),
            new FlowMatching.Settings(0.25, 0, 1))) {
      ToyDmd.update(method, 1, data(3000, 0), Rng.of(3));
    }
    assertThat(kept).hasSize(1);
    assertThat(kept.get(0)).isCloseTo(0.75, within(0.032)); // four standard deviations
  }

  /** Times are logit-normal before the shift: their median is the logistic of the mean. */
  @Test
  void timesAreLogitNormalBeforeTheShift() {
    TimeShift shift = new TimeShift(3);
    List<float[]> times = new ArrayList<>();
    ClosedForm network =
        new ClosedForm(
            (x, t, captions) -> {
              times.add(t.toFloats());
              return x;
            });
    try (FlowMatching method =
        new FlowMatching(
            new Denoiser(network, new RectifiedFlow(), shift),
            Toys.gradientOf("teacher", network),
            new FlowMatching.Settings(0, 0.5, 0.8))) {
      ToyDmd.update(method, 1, data(3000, 0), Rng.of(3));
    }
    double mean = 0;
    double square = 0;
    for (float t : times.get(0)) {
      double before = shift.invert(t);
      double z = Math.log(before / (1 - before));
      mean += z / 3000;
      square += z * z / 3000;
    }
    assertThat(mean).isCloseTo(0.5, within(0.06));
    assertThat(Math.sqrt(square - mean * mean)).isCloseTo(0.8, within(0.05));
  }

  @Test
  void partsGiveTheSameUpdate() {
    FlowMatching.Settings settings = new FlowMatching.Settings(0.3, 0, 1);
    Mlp a = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    Mlp b = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    Role whole = Toys.gradientOf("teacher", a);
    Role parts = Toys.gradientOf("teacher", b);
    try (FlowMatching first = new FlowMatching(Toys.denoiser(a), whole, settings);
        FlowMatching second = new FlowMatching(Toys.denoiser(b), parts, settings)) {
      Metrics f = ToyDmd.update(first, 1, data(7, 0), Rng.of(3));
      Metrics g = ToyDmd.update(second, 3, data(7, 0), Rng.of(3));
      f.values().keySet().removeIf(name -> name.startsWith("seconds"));
      f.values()
          .forEach(
              (n, v) -> assertThat(g.get(n)).as(n).isCloseTo(v, within(2e-6 * Math.max(1, v))));
      for (String weight : a.parameters().values().keySet()) {
        float[] x = Toys.gradient(whole, weight);
        float[] y = Toys.gradient(parts, weight);
        for (int i = 0; i < x.length; i++) {
          assertThat(y[i]).as(weight).isCloseTo(x[i], within(2e-6f));
        }
      }
    }
  }

  /** Captions of different lengths, dropped ones too, keep their own tokens. */
  @Test
  void anEmptyCaptionMayBeLongerOrShorterThanTheOthers() {
    ClosedForm network = new ClosedForm((x, t, captions) -> x);
    Condition captions = new Condition(Tensor.ones(4, 3, 2), List.of(3, 2, 1, 3));
    Condition empty = new Condition(Tensor.ones(4, 1, 2).mul(5), List.of(1, 1, 1, 1));
    Batch batch = new Batch(captions, empty, Tensor.zeros(4, 2, 1, 1), List.of(2, 1, 1), 0);
    for (double share : new double[] {0, 1}) {
      try (FlowMatching method =
          new FlowMatching(
              Toys.denoiser(network),
              Toys.gradientOf("teacher", network),
              new FlowMatching.Settings(share, 0, 1))) {
        ToyDmd.update(method, 1, batch, Rng.of(3));
      }
      ClosedForm.Reading read = network.readings.get(network.readings.size() - 1);
      assertThat(read.lengths()).isEqualTo(share == 0 ? captions.lengths() : empty.lengths());
      float[] first = Arrays.copyOf(read.features(), 6); // the first caption: three tokens of two
      assertThat(first)
          .isEqualTo(share == 0 ? new float[] {1, 1, 1, 1, 1, 1} : new float[] {5, 5, 0, 0, 0, 0});
    }
  }

  @Test
  void captionsAloneTeachNothing() {
    Mlp network = new Mlp(2, Mixture.CLASSES, 8, Rng.of(1));
    try (FlowMatching method =
        new FlowMatching(Toys.denoiser(network), Toys.gradientOf("teacher", network), PLAIN)) {
      Batch batch = Toys.points(Mixture.CLASSES, null, 0, 1);
      assertThatThrownBy(() -> ToyDmd.update(method, 1, batch, Rng.of(1)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("captions alone");
    }
  }
}
