package org.peltast.tensor.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Golden;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/** Every layer, forward and backward, against PyTorch. */
class GoldenLayersTest {
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

  /** Checks a layer whose parameters are the file's inputs of the given names. */
  private void check(
      Golden golden, String input, Map<String, String> names, Function<Tensor, Tensor> layer) {
    Map<String, Tensor> values = new LinkedHashMap<>();
    names.forEach((parameter, name) -> values.put(parameter, golden.input(name).detach()));
    parameters.load(values);
    parameters.trainable(true);
    Tensor x = golden.input(input);
    Tensor y = layer.apply(x);
    Map<String, Tensor> leaves = new LinkedHashMap<>();
    if (x.requiresGrad()) {
      leaves.put(input, x);
    }
    names.forEach((parameter, name) -> leaves.put(name, parameters.find(parameter).value()));
    golden.check(y, leaves);
  }

  private static void check(Golden golden, UnaryOperator<Tensor> operation) {
    Tensor x = golden.input("x");
    golden.check(operation.apply(x), Map.of("x", x));
  }

  @Test
  void linear() {
    Linear layer = new Linear(parameters, 6, 7, true);
    check(
        Golden.read("linear"), "input", Map.of("weight", "weight", "bias", "bias"), layer::forward);
  }

  @Test
  void rmsNorm() {
    Golden golden = Golden.read("rms_norm");
    RmsNorm layer = new RmsNorm(parameters, 12, golden.number("eps"));
    check(golden, "x", Map.of("weight", "weight"), layer::forward);
  }

  @Test
  void layerNorm() {
    Golden golden = Golden.read("layer_norm");
    LayerNorm layer = new LayerNorm(parameters, 12, golden.number("eps"));
    check(golden, "x", Map.of("weight", "weight", "bias", "bias"), layer::forward);
    Golden plain = Golden.read("layer_norm-plain");
    check(plain, x -> x.layerNorm(plain.number("eps")));
  }

  @Test
  void groupNorm() {
    Golden golden = Golden.read("group_norm");
    GroupNorm layer =
        new GroupNorm(parameters, (int) golden.number("groups"), 8, golden.number("eps"));
    check(golden, "x", Map.of("weight", "weight", "bias", "bias"), layer::forward);
  }

  @ParameterizedTest
  @ValueSource(strings = {"conv2d-1x1", "conv2d-same", "conv2d-stride2"})
  void conv2d(String file) {
    Golden golden = Golden.read(file);
    Tensor weight = golden.input("weight");
    boolean bias = golden.tensors().containsKey("input.bias");
    Conv2d layer =
        new Conv2d(
            parameters,
            weight.size(1),
            weight.size(0),
            (int) weight.size(2),
            (int) golden.number("stride"),
            (int) golden.number("padding"),
            bias);
    check(
        golden,
        "x",
        bias ? Map.of("weight", "weight", "bias", "bias") : Map.of("weight", "weight"),
        layer::forward);
  }

  @Test
  void swiGlu() {
    SwiGlu layer = new SwiGlu(parameters, 6, 16);
    check(
        Golden.read("swiglu"),
        "x",
        Map.of("w1.weight", "w1", "w2.weight", "w2", "w3.weight", "w3"),
        layer::forward);
  }

  @Test
  void timestepEmbedding() {
    TimestepEmbedding layer = new TimestepEmbedding(parameters, 20, 24, 16);
    Map<String, String> names = new LinkedHashMap<>();
    parameters.all().forEach(p -> names.put(p.name(), p.name()));
    check(Golden.read("timestep_embedder"), "t", names, layer::forward);
  }

  @Test
  void sinusoids() {
    Golden golden = Golden.read("sinusoids");
    golden.same(
        "y",
        TimestepEmbedding.sinusoids(
            golden.input("t"), (int) golden.number("width"), golden.number("max_period")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"attention", "attention-unmasked"})
  void attention(String file) {
    Golden golden = Golden.read(file);
    Tensor q = golden.input("q");
    Tensor k = golden.input("k");
    Tensor v = golden.input("v");
    Tensor mask = golden.tensors().get("input.mask");
    Tensor y = Attention.of(q, k, v, mask == null ? null : Attention.bias(mask));
    golden.check(y, Map.of("q", q, "k", k, "v", v));
  }

  @Test
  void elementwise() {
    check(Golden.read("silu"), Tensor::silu);
    check(Golden.read("gelu"), Tensor::gelu);
    check(Golden.read("gelu_tanh"), Tensor::geluTanh);
    check(Golden.read("softmax"), x -> x.softmax(-1));
    check(Golden.read("upsample_nearest"), x -> x.upsampleNearest(2 * x.size(2), 2 * x.size(3)));
  }

  /** Z-Image's rotation as one complex product of neighbouring pairs. */
  @Test
  void rotation() {
    Golden golden = Golden.read("rope");
    int[] dims = {8, 4, 4};
    Tensor positions = golden.input("positions").to(DType.FLOAT64); // [B, S, 3]
    Tensor[] angles = new Tensor[3];
    for (int axis = 0; axis < 3; axis++) {
      double[] frequencies = new double[dims[axis] / 2];
      for (int i = 0; i < frequencies.length; i++) {
        frequencies[i] = Math.pow(golden.number("theta"), -2.0 * i / dims[axis]);
      }
      angles[axis] =
          positions.narrow(2, axis, 1).mul(Tensor.of(frequencies, 1, 1, frequencies.length));
    }
    Tensor angle = Tensor.cat(java.util.List.of(angles), 2).unsqueeze(2); // [B, S, 1, D/2]
    Tensor turn =
        Tensor.stack(java.util.List.of(angle.cos(), angle.sin()), -1)
            .to(DType.FLOAT32)
            .flatten(-2, -1)
            .asComplex();
    check(golden, x -> x.asComplex().mul(turn).asReal());
  }
}
