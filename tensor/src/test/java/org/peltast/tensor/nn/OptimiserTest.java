package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Golden;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

class OptimiserTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Parameters declare(Map<String, Tensor> values) {
    Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32);
    values.forEach((name, v) -> p.declare(name, Parameters.Init.zeros(), v.shape()));
    p.load(values);
    return p.trainable(true);
  }

  /** Gives each weight exactly this gradient. */
  private static void setGradients(Parameters p, Map<String, Tensor> gradients) {
    p.clearGradients();
    Tensor loss = Tensor.scalar(0);
    for (Parameter w : p.all()) {
      loss = loss.add(w.value().mul(gradients.get(w.name())).sum());
    }
    loss.backward();
  }

  private static Map<String, Tensor> slice(Map<String, Tensor> series, int i) {
    Map<String, Tensor> one = new LinkedHashMap<>();
    series.forEach((name, t) -> one.put(name, t.select(0, i)));
    return one;
  }

  private static AdamW.Settings settings(Golden golden) {
    return new AdamW.Settings(0.9, 0.999, golden.number("eps"), golden.number("weight_decay"));
  }

  @Test
  void tenStepsOfAdamW() {
    Golden golden = Golden.read("adamw");
    assertThat(golden.metadata()).containsEntry("betas", "[0.9, 0.999]");
    try (Parameters p = declare(golden.inputs("initial."));
        AdamW optimiser = new AdamW(p, settings(golden))) {
      for (int i = 0; i < (int) golden.number("steps"); i++) {
        setGradients(p, slice(golden.inputs("gradients."), i));
        optimiser.step(golden.number("lr"));
        if (i == 0) {
          p.values().forEach((name, v) -> golden.same("first." + name, v));
        }
      }
      p.values().forEach((name, v) -> golden.same("final." + name, v));
      optimiser.state().forEach(golden::same);
      assertThat(optimiser.steps()).isEqualTo(10);
    }
  }

  @Test
  void aRestoredOptimiserGoesOnBitForBit() {
    Golden golden = Golden.read("adamw");
    try (Parameters p = declare(golden.inputs("initial."));
        Parameters q = declare(golden.inputs("initial."));
        AdamW whole = new AdamW(p, settings(golden))) {
      for (int i = 0; i < 10; i++) {
        if (i == 4) {
          q.copyFrom(p);
          try (AdamW resumed = new AdamW(q, settings(golden))) {
            resumed.restore(whole.state(), whole.steps());
            for (int j = 4; j < 10; j++) {
              setGradients(q, slice(golden.inputs("gradients."), j));
              resumed.step(0.01);
            }
          }
        }
        setGradients(p, slice(golden.inputs("gradients."), i));
        whole.step(0.01);
      }
      p.values()
          .forEach(
              (name, v) -> assertThat(q.values().get(name).toFloats()).isEqualTo(v.toFloats()));
      assertThatThrownBy(() -> whole.restore(Map.of(), 3))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("exp_avg.a");
    }
  }

  private static Map<String, float[]> trained(AdamW.Keeping keeping, boolean resumed) {
    Golden golden = Golden.read("adamw");
    Map<String, float[]> values = new LinkedHashMap<>();
    try (Parameters p = declare(golden.inputs("initial."));
        AdamW begun = new AdamW(p, settings(golden).with(keeping));
        AdamW other = new AdamW(p, settings(golden).with(keeping))) {
      for (int i = 0; i < 10; i++) {
        if (resumed && i == 4) {
          other.restore(begun.state(), begun.steps());
        }
        setGradients(p, slice(golden.inputs("gradients."), i));
        (resumed && i >= 4 ? other : begun).step(0.01);
      }
      p.values().forEach((name, v) -> values.put(name, v.toFloats()));
      (resumed ? other : begun).state().forEach((name, v) -> values.put(name, v.toFloats()));
    }
    return values;
  }

  /** On the host all is as beside the weights; in bfloat16 nearly, and the same when it goes on. */
  @Test
  void momentsMayBeKeptOtherwise() {
    try (Scope scope = Scope.open()) {
      Map<String, float[]> plain = trained(AdamW.Keeping.PLAIN, false);
      Map<String, float[]> host = trained(new AdamW.Keeping(DType.FLOAT32, true, 1), false);
      Map<String, float[]> half = trained(new AdamW.Keeping(DType.BFLOAT16, false, 1), false);
      Map<String, float[]> again = trained(new AdamW.Keeping(DType.BFLOAT16, true, 1), true);
      Map<String, float[]> others = trained(new AdamW.Keeping(DType.BFLOAT16, false, 2), false);
      boolean differs = false;
      for (String name : plain.keySet()) {
        assertThat(host.get(name)).as(name).containsExactly(plain.get(name));
        assertThat(again.get(name)).as(name).containsExactly(half.get(name));
        differs |= !Arrays.equals(half.get(name), others.get(name));
        if (!name.startsWith("exp_avg")) {
          assertThat(half.get(name)).as(name).containsExactly(plain.get(name), within(4e-3f));
        }
      }
      assertThat(differs).as("another seed rounds otherwise").isTrue();
      assertThatThrownBy(() -> new AdamW.Keeping(DType.FLOAT16, false, 1))
          .isInstanceOf(TensorException.class);
    }
  }

  /** 4,096 weights that were 1, after steps of 1e-5 by gradients of 1. */
  private static float[] lowered(DType storage, long seed, int resumedAt) {
    AdamW.Settings settings =
        AdamW.Settings.defaults().with(new AdamW.Keeping(DType.FLOAT32, false, seed));
    try (Scope scope = Scope.open();
        Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32, storage)) {
      Parameter weight = p.declare("w", Parameters.Init.ones(), 64, 64);
      p.initialise(Rng.of(0));
      p.trainable(true);
      try (AdamW begun = new AdamW(p, settings);
          AdamW other = new AdamW(p, settings)) {
        for (int i = 0; i < 100; i++) {
          if (i == resumedAt) {
            other.restore(begun.state(), begun.steps());
          }
          weight.setGradient(Tensor.full(1, storage, Device.CPU, 64, 64));
          (i < resumedAt ? begun : other).step(1e-5);
        }
      }
      return weight.value().toFloats();
    }
  }

  /**
   * In bfloat16 numbers below 1 lie 1/256 apart, and a step of 1e-5 rounds to nothing: rounded at
   * random, weights move on the average as in float32.
   */
  @Test
  void weightsKeptInBfloat16MoveByLessThanTheyCanHold() {
    float[] plain = lowered(DType.FLOAT32, 1, 100);
    float[] half = lowered(DType.BFLOAT16, 1, 100);
    assertThat(plain).containsOnly(plain[0]);
    assertThat(plain[0]).isCloseTo(1 - 1e-3f, within(3e-6f));
    double mean = 0;
    for (float w : half) {
      assertThat(w * 256).as("a number of bfloat16").isEqualTo(Math.round(w * 256));
      mean += w / half.length;
    }
    // A quarter of them have moved: a standard deviation of 2.7e-5.
    assertThat(mean).isCloseTo(1 - 1e-3, within(1.5e-4));
    assertThat(lowered(DType.BFLOAT16, 1, 37)).containsExactly(half);
    assertThat(lowered(DType.BFLOAT16, 2, 100)).isNotEqualTo(half);
  }

  /** Scaled in the step or before it: the same to a division's rounding. */
  @Test
  void gradientsAreScaledInTheStepAsBeforeIt() {
    Golden golden = Golden.read("adamw");
    try (Parameters p = declare(golden.inputs("initial."));
        Parameters q = declare(golden.inputs("initial."));
        AdamW before = new AdamW(p, settings(golden));
        AdamW within = new AdamW(q, settings(golden))) {
      List<String> seen = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        Map<String, Tensor> gradients = slice(golden.inputs("gradients."), i);
        setGradients(p, gradients);
        setGradients(q, gradients);
        Tensor norm = Gradients.norm(q);
        assertThat(Gradients.clip(p, norm.item() / 3)).isEqualTo(norm.item());
        before.step(0.01);
        Gradients.Clip clip = new Gradients.Clip(norm, norm.item() / 3);
        within.step(0.01, clip, w -> seen.add(w.name()));
      }
      p.values()
          .forEach(
              (name, v) ->
                  assertThat(q.values().get(name).sub(v).abs().reshape(-1).max(false, 0).item())
                      .isLessThan(1e-6));
      assertThat(seen).hasSize(5 * p.all().size()).containsAll(p.values().keySet());
      assertThatThrownBy(() -> new Gradients.Clip(Tensor.scalar(1), 0))
          .isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> new Gradients.Clip(Tensor.ones(2), 1))
          .isInstanceOf(TensorException.class);
    }
  }

  /** Decided on the device: nobody has read the norm. */
  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void gradientsThatAreNoNumbersChangeNothing(double none) {
    Golden golden = Golden.read("adamw");
    try (Parameters p = declare(golden.inputs("initial."));
        AdamW optimiser = new AdamW(p, settings(golden))) {
      Map<String, float[]> before = new LinkedHashMap<>();
      p.values().forEach((name, v) -> before.put(name, v.toFloats()));
      Map<String, Tensor> gradients = slice(golden.inputs("gradients."), 0);
      String spoilt = p.all().get(0).name();
      gradients.put(spoilt, gradients.get(spoilt).mul(none));
      setGradients(p, gradients);
      Tensor norm = Gradients.norm(p);
      assertThat(Double.isFinite(norm.item())).isFalse();
      optimiser.step(0.01, new Gradients.Clip(norm, 1), w -> {});
      before.forEach((name, v) -> assertThat(p.values().get(name).toFloats()).isEqualTo(v));
      optimiser.state().forEach((name, v) -> assertThat(v.toFloats()).as(name).containsOnly(0));
    }
  }

  @Test
  void weightsWithoutGradientStay() {
    try (Parameters p = declare(Map.of("used", Tensor.ones(3), "idle", Tensor.ones(2)));
        AdamW optimiser = new AdamW(p, new AdamW.Settings(0.9, 0.999, 1e-8, 0.1))) {
      p.find("used").value().square().sum().backward();
      optimiser.step(0.1);
      assertThat(p.find("idle").value().toFloats()).containsOnly(1);
      // Decay by 1 − 0.1 · 0.1, then one step of the rate's length against the gradient's sign.
      assertThat(p.find("used").value().toFloats()[0]).isEqualTo(0.89f, within(1e-6f));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"clip_grad_norm", "clip_grad_norm-below"})
  void clipping(String file) {
    Golden golden = Golden.read(file);
    Map<String, Tensor> gradients = golden.inputs("");
    try (Parameters p = declare(gradients)) {
      setGradients(p, gradients);
      double norm = Gradients.clip(p, golden.number("max_norm"));
      golden.same("norm", Tensor.scalar(norm));
      p.values().forEach((name, v) -> golden.same(name, v.grad()));
    }
  }

  @Test
  void movingAverage() {
    Golden golden = Golden.read("ema");
    try (Parameters p = declare(golden.inputs("initial."));
        Ema ema = new Ema(p, golden.number("decay"))) {
      // PyTorch's has no warm-up: go on from an update where ours is over.
      ema.restore(golden.inputs("initial."), 1000);
      for (int i = 0; i < 5; i++) {
        p.load(slice(golden.inputs("parameters."), i));
        ema.update();
      }
      ema.values().forEach(golden::same);
      assertThat(ema.updates()).isEqualTo(1005);
    }
  }

  @Test
  void movingAverageWarmsUp() {
    try (Parameters p = declare(Map.of("w", Tensor.zeros(1)));
        Ema ema = new Ema(p, 0.999)) {
      p.load(Map.of("w", Tensor.ones(1)));
      ema.update(); // decay 2/11
      assertThat(ema.values().get("w").item()).isEqualTo(9.0 / 11, within(1e-6));
      ema.update(); // decay 3/12
      assertThat(ema.values().get("w").item()).isEqualTo(1 - 2.0 / 11 / 4, within(1e-6));
    }
  }

  @Test
  void microBatchesAddUpToTheBatch() {
    Tensor x = Rng.of(1).normal(12, 5);
    Tensor y = Rng.of(2).normal(12, 3);
    try (Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32)) {
      Linear first = new Linear(p.at("0"), 5, 8, true);
      Linear second = new Linear(p.at("2"), 8, 3, true);
      p.initialise(Rng.of(3));
      p.trainable(true);
      List<double[]> whole = gradients(p, first, second, x, y, 1);
      List<double[]> parts = gradients(p, first, second, x, y, 4);
      for (int i = 0; i < whole.size(); i++) {
        assertThat(parts.get(i)).containsExactly(whole.get(i), within(1e-6));
      }
    }
  }

  private static List<double[]> gradients(
      Parameters p, Linear first, Linear second, Tensor x, Tensor y, int parts) {
    p.clearGradients();
    for (int i = 0; i < parts; i++) {
      long n = x.size(0) / parts;
      Tensor a = x.narrow(0, i * n, n);
      Tensor b = y.narrow(0, i * n, n);
      second.forward(first.forward(a).silu()).sub(b).square().mean().div(parts).backward();
    }
    return p.all().stream().map(w -> w.value().grad().toDoubles()).toList();
  }

  @Test
  void aForwardWithoutGradientLeavesBfloat16WeightsTheirGradient() {
    try (Parameters p = Parameters.on(Device.CPU, Precision.BF16)) {
      Linear layer = new Linear(p, 4, 4, true);
      p.initialise(Rng.of(1));
      p.trainable(true);
      Tensor x = Rng.of(2).normal(8, 4);
      try (Autograd off = Autograd.off()) {
        layer.forward(x);
      }
      layer.forward(x).to(DType.FLOAT32).square().mean().backward();
      for (Parameter w : p.all()) {
        assertThat(w.value().grad()).as(w.name()).isNotNull();
        assertThat(w.value().grad().dtype()).isEqualTo(DType.FLOAT32);
        assertThat(Golden.max(w.value().grad())).as(w.name()).isPositive();
      }
    }
  }

  @Test
  void castsFollowTheWeights() {
    try (Parameters p = Parameters.on(Device.CPU, Precision.BF16);
        Autograd off = Autograd.off()) {
      Linear layer = new Linear(p, 2, 2, false);
      p.initialise(Rng.of(1));
      Tensor x = Tensor.ones(1, 2);
      double before = layer.forward(x).sum().item();
      Map<String, Tensor> doubled = Map.of("weight", p.find("weight").value().mul(2));
      p.load(doubled);
      assertThat(layer.forward(x).sum().item()).isEqualTo(2 * before, within(1e-6));
    }
  }

  @Test
  void learningRatesAndSettingsAreChecked() {
    try (Parameters p = declare(Map.of("w", Tensor.zeros(1)));
        AdamW optimiser = new AdamW(p, AdamW.Settings.defaults())) {
      for (double bad : new double[] {-1, Double.NaN, Double.POSITIVE_INFINITY}) {
        assertThatThrownBy(() -> optimiser.step(bad)).isInstanceOf(TensorException.class);
        assertThatThrownBy(() -> new AdamW.Settings(bad, 0.9, 1e-8, 0))
            .isInstanceOf(TensorException.class);
      }
      assertThat(optimiser.steps()).isZero();
      assertThatThrownBy(() -> Gradients.clip(p, 0)).isInstanceOf(TensorException.class);
      assertThatThrownBy(() -> new Ema(p, 1)).isInstanceOf(TensorException.class);
    }
  }
}
