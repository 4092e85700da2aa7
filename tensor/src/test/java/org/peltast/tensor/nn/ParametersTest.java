package org.peltast.tensor.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Golden;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

class ParametersTest {
  private Scope scope;
  private Parameters parameters;

  @BeforeEach
  void open() {
    scope = Scope.open();
    parameters = Parameters.on(Device.CPU, Precision.FLOAT32);
  }

  @AfterEach
  void close() {
    parameters.close();
    scope.close();
  }

  private Map<String, Tensor> fitting() {
    new SwiGlu(parameters.at("layers").at("0"), 4, 6);
    Map<String, Tensor> values = new LinkedHashMap<>();
    parameters
        .values()
        .forEach((name, v) -> values.put(name, Rng.of(1).fork(name).normal(v.shape())));
    return values;
  }

  @Test
  void namesAreThoseOfCheckpoints() {
    new SwiGlu(parameters.at("layers").at("0"), 4, 6);
    new Embedding(parameters.at("tokens"), 5, 4);
    new Conv2d(parameters.at("conv_in"), 3, 4, 3, 1, 1, true);
    assertThat(parameters.values().keySet())
        .containsExactly(
            "layers.0.w1.weight",
            "layers.0.w2.weight",
            "layers.0.w3.weight",
            "tokens.weight",
            "conv_in.weight",
            "conv_in.bias");
    assertThat(parameters.count()).isEqualTo(3 * 24 + 20 + 108 + 4);
    assertThatThrownBy(() -> new Embedding(parameters.at("tokens"), 5, 4))
        .isInstanceOf(TensorException.class)
        .hasMessageContaining("tokens.weight is declared twice");
  }

  @Test
  void eachInitialValueDependsOnItsOwnNameAlone() {
    parameters.declare("a", new Parameters.Init.Normal(0.02), 200, 100);
    Parameters.Init parts = new Parameters.Init.Parts(List.of(0.0, 3.0));
    parameters.declare("b", parts, 4);
    parameters.declare("c", Parameters.Init.fanIn(12), 100, 12);
    parameters.initialise(Rng.of(1));
    float[] a = parameters.find("a").value().toFloats();
    assertThat(parameters.find("a").value().variance(false, 0, 1).item())
        .isCloseTo(4e-4, within(2e-5));
    assertThat(parameters.find("b").value().toFloats()).containsExactly(0, 0, 3, 3);
    Tensor c = parameters.find("c").value();
    assertThat(c.variance(false, 0, 1).item()).isCloseTo(1.0 / 12, within(0.01));
    assertThat(Golden.max(c)).isLessThanOrEqualTo(0.5);

    try (Parameters other = Parameters.on(Device.CPU, Precision.BF16)) {
      other.declare("z", new Parameters.Init.Normal(1), 3);
      other.declare("a", new Parameters.Init.Normal(0.02), 200, 100);
      other.initialise(Rng.of(1));
      assertThat(other.find("a").value().toFloats()).isEqualTo(a);
    }
  }

  @Test
  void loadingCopiesAndConverts() {
    Map<String, Tensor> values = fitting();
    values.replaceAll((name, v) -> v.to(DType.BFLOAT16));
    parameters.load(values);
    parameters
        .values()
        .forEach(
            (name, v) -> {
              assertThat(v.dtype()).isEqualTo(DType.FLOAT32);
              assertThat(v.toFloats()).isEqualTo(values.get(name).toFloats());
            });
  }

  private void refuses(Map<String, Tensor> values, String... told) {
    Map<String, float[]> before = new LinkedHashMap<>();
    parameters.values().forEach((name, v) -> before.put(name, v.toFloats()));
    assertThatThrownBy(() -> parameters.load(values))
        .isInstanceOf(TensorException.class)
        .message()
        .contains(told);
    parameters.values().forEach((name, v) -> assertThat(v.toFloats()).isEqualTo(before.get(name)));
  }

  @Test
  void whatDoesNotFitIsNamedAndNothingIsCopied() {
    Map<String, Tensor> values = fitting();
    Tensor w1 = values.remove("layers.0.w1.weight");
    values.put("layers.0.w9.weight", w1);
    refuses(values, "missing layers.0.w1.weight", "unexpected layers.0.w9.weight");
    values.remove("layers.0.w9.weight");
    refuses(values, "missing layers.0.w1.weight");
    values.put("layers.0.w1.weight", w1.transpose(0, 1));
    refuses(values, "layers.0.w1.weight", "[4, 6]", "[6, 4]");
    values.put("layers.0.w1.weight", w1.to(DType.INT64));
    refuses(values, "layers.0.w1.weight", "not floating-point");
    refuses(Map.of(), "missing", "w1", "w2", "w3");
  }

  @Test
  void closedWeightsSayTheyAre() {
    Linear layer = new Linear(parameters, 3, 2, true);
    parameters.close();
    assertThatThrownBy(() -> layer.forward(Tensor.ones(1, 3)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("scope is closed");
    assertThatThrownBy(() -> parameters.declare("late", Parameters.Init.zeros(), 1))
        .isInstanceOf(IllegalStateException.class);
  }
}
