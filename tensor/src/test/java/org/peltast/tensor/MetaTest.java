package org.peltast.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.peltast.tensor.nn.ActivationCheckpointing;
import org.peltast.tensor.nn.AdamW;
import org.peltast.tensor.nn.Ema;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/** Tensors without numbers: shapes as elsewhere, gradients for the same inputs, bytes counted. */
class MetaTest {
  /** Operations that are put together for the meta device, of three inputs. */
  private static final Map<String, Function<List<Tensor>, Tensor>> OPERATIONS =
      new LinkedHashMap<>();

  static {
    OPERATIONS.put("layerNorm", in -> in.get(0).layerNorm(1e-5));
    OPERATIONS.put("weighted layerNorm", in -> in.get(0).layerNorm(in.get(2), in.get(2), 1e-5));
    OPERATIONS.put(
        "groupNorm",
        in -> in.get(0).groupNorm(2, in.get(2).narrow(0, 0, 4), in.get(2).narrow(0, 1, 4), 1e-5));
    OPERATIONS.put("conv2d", in -> in.get(0).channelsLast().conv2d(in.get(1), null, 1, 1));
    OPERATIONS.put(
        "conv2d, halved",
        in -> in.get(0).channelsLast().conv2d(in.get(1), in.get(2).narrow(0, 0, 5), 2, 1));
    OPERATIONS.put("variance", in -> in.get(0).variance(false, 1, 2, 3));
    OPERATIONS.put("variance, kept", in -> in.get(0).variance(true, 1));
    OPERATIONS.put("matmul", in -> in.get(0).matmul(in.get(0).transpose(2, 3)));
    OPERATIONS.put("indexSelect", in -> in.get(0).indexSelect(1, 3, 0, 0));
    OPERATIONS.put("abs", in -> in.get(0).abs());
    OPERATIONS.put("relu", in -> in.get(0).relu());
    OPERATIONS.put("finiteOr", in -> in.get(0).finiteOr(0));
    OPERATIONS.put("norm", in -> in.get(0).norm(true, -1));
    OPERATIONS.put("softmax", in -> in.get(0).softmax(-1));
    OPERATIONS.put("complex", in -> in.get(0).asComplex().asReal());
    OPERATIONS.put("bfloat16", in -> in.get(0).to(DType.BFLOAT16).gelu());
    OPERATIONS.put("upsampleNearest", in -> in.get(0).upsampleNearest(10, 12));
  }

  static Stream<String> operations() {
    return OPERATIONS.keySet().stream();
  }

  private static List<Tensor> inputs(Device device) {
    return List.of(
        Rng.of(1).normal(3, 4, 6, 6).to(device).requireGrad(true),
        Rng.of(2).normal(5, 4, 3, 3).to(device).requireGrad(true),
        Rng.of(3).normal(6).to(device).requireGrad(true));
  }

  @ParameterizedTest
  @MethodSource("operations")
  void givesWhatItGivesElsewhereButForNumbers(String name) {
    try (Scope scope = Scope.open()) {
      List<Tensor> real = inputs(Device.CPU);
      List<Tensor> meta = inputs(Device.META);
      Tensor expected = OPERATIONS.get(name).apply(real);
      Tensor actual = OPERATIONS.get(name).apply(meta);
      assertThat(actual.device()).isEqualTo(Device.META);
      assertThat(actual.shape()).isEqualTo(expected.shape());
      assertThat(actual.dtype()).isEqualTo(expected.dtype());
      assertThat(actual.raw().is_contiguous()).isEqualTo(expected.raw().is_contiguous());
      expected.to(DType.FLOAT32).sum().backward();
      actual.to(DType.FLOAT32).sum().backward();
      for (int i = 0; i < real.size(); i++) {
        Tensor own = real.get(i).grad();
        Tensor its = meta.get(i).grad();
        assertThat(its == null).as("gradient of input " + i).isEqualTo(own == null);
        if (own != null && its != null) {
          assertThat(its.shape()).isEqualTo(own.shape());
        }
      }
    }
  }

  @Test
  void hasNoNumbersToRead() {
    try (Scope scope = Scope.open()) {
      Tensor one = Tensor.zeros(DType.FLOAT32, Device.META, 1);
      Tensor index = Tensor.zeros(DType.INT64, Device.META, 1);
      List<Runnable> readers =
          List.of(
              one::item,
              one::toFloats,
              one::toDoubles,
              index::toLongs,
              one::bytes,
              one::allFinite,
              () -> one.to(Device.CPU),
              () -> one.indexSelect(0, index));
      for (Runnable reader : readers) {
        assertThatThrownBy(reader::run)
            .isInstanceOf(TensorException.class)
            .hasMessageContaining("reads numbers");
      }
      assertThatThrownBy(() -> one.add(Tensor.zeros(1)))
          .isInstanceOf(TensorException.class)
          .hasMessageContaining("the devices differ");
    }
  }

  @Test
  void isNoDeviceOfRecipes() {
    assertThat(Device.META).hasToString("meta");
    assertThatThrownBy(() -> Device.parse("meta")).isInstanceOf(TensorException.class);
  }

  @Test
  void weightsOfAnySizeAreThereAtOnceAndStep() {
    try (Scope scope = Scope.open();
        Parameters weights = Parameters.on(Device.META, Precision.BF16)) {
      Linear layer = new Linear(weights, 1 << 20, 1 << 20, false); // 4 TiB
      weights.initialise(Rng.of(1));
      weights.trainable(true);
      try (AdamW adam = new AdamW(weights, AdamW.Settings.defaults());
          Ema average = new Ema(weights, 0.9)) {
        layer
            .forward(Tensor.zeros(DType.FLOAT32, Device.META, 2, 1 << 20))
            .to(DType.FLOAT32)
            .sum()
            .backward();
        adam.step(0.1);
        average.update();
        assertThat(adam.steps()).isEqualTo(1);
      }
    }
  }

  @Test
  void countsWhatIsHeldOnce() {
    try (MetaMemory memory = MetaMemory.open(Device.CPU);
        Scope scope = Scope.open()) {
      Tensor kept = Tensor.zeros(DType.FLOAT32, Device.META, 256, 1024); // 1 MiB
      kept.reshape(1024, 256).narrow(0, 1, 7);
      assertThat(memory.live()).isEqualTo(1 << 20);
      Scope.run(() -> kept.add(1).mul(2));
      assertThat(memory.live()).isEqualTo(1 << 20);
      assertThat(memory.peak()).isEqualTo(3 << 20);
      memory.begin();
      assertThat(memory.peak()).isEqualTo(1 << 20);
      Scope.run(() -> Tensor.zeros(1 << 20));
      assertThat(memory.peak()).as("of other devices").isEqualTo(1 << 20);
    }
  }

  @Test
  void countsWhatAGraphKeepsUntilItsBackwardPass() {
    try (MetaMemory memory = MetaMemory.open(Device.CPU);
        Scope scope = Scope.open()) {
      Tensor x = Tensor.zeros(DType.FLOAT32, Device.META, 1 << 18).requireGrad(true); // 1 MiB
      Tensor loss = Scope.compute(() -> x.exp().tanh().sum()); // both keep what they give
      long waiting = memory.live();
      assertThat(waiting).isEqualTo((3 << 20) + 4);
      loss.backward();
      x.grad();
      assertThat(memory.live()).isEqualTo((2 << 20) + 4); // x and its gradient
    }
  }

  /** Two blocks keep their inputs; computed again, the larger makes four tensors. */
  @Test
  void saysWhatComputingABlockAgainTakes() {
    try (MetaMemory memory = MetaMemory.open(Device.CPU);
        Scope scope = Scope.open()) {
      Tensor x = Tensor.zeros(DType.FLOAT32, Device.META, 1 << 18).requireGrad(true); // 1 MiB
      memory.begin();
      Tensor y = ActivationCheckpointing.run(in -> in.get(0).exp().tanh(), List.of(x));
      Tensor z = ActivationCheckpointing.run(in -> in.get(0).exp().tanh().sin().cos(), List.of(y));
      assertThat(memory.live() >> 20).as("x, y and z").isEqualTo(3);
      assertThat(memory.mostAgain()).isZero();
      z.sum().backward();
      assertThat(memory.mostAgain() >> 20).isEqualTo(4);
    }
  }

  @Test
  void countsAThreadOnce() {
    try (MetaMemory memory = MetaMemory.open(Device.CPU)) {
      assertThat(memory.live()).isZero();
      assertThat(MetaMemory.standsFor(Device.META)).isEqualTo(Device.CPU);
      assertThatThrownBy(() -> MetaMemory.open(Device.CPU))
          .isInstanceOf(IllegalStateException.class);
    }
    assertThat(MetaMemory.standsFor(Device.META)).isEqualTo(Device.META);
  }
}
