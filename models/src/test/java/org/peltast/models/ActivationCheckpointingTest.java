package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.diffusion.Condition;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;

/** Blocks that run again for the backward pass give every family's gradients. */
class ActivationCheckpointingTest {
  private static Map<String, float[]> gradients(Backbone network, boolean again) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    network.parameters().trainable(true).checkpointing(again);
    try (Scope scope = Scope.open()) {
      Tensor x = Rng.of(1).normal(3, network.channels(), 12, 8).requireGrad(true);
      Tensor t = Tensor.of(new float[] {0.1f, 0.5f, 0.8f}, 3);
      Condition blank = network.blank(3, 5);
      Tensor features = Rng.of(2).normal(blank.features().shape());
      Tensor answer =
          network.forward(
              x, t, network.read(new Condition(features, List.of(5, 2, 4), blank.vectors())));
      answer.square().mean().backward();
      gradients.put("answer", answer.toFloats());
      gradients.put("x", x.grad().toFloats());
      for (Parameter p : network.parameters().all()) {
        Tensor g = p.value().grad();
        gradients.put(p.name(), g == null ? new float[0] : g.toFloats());
      }
    }
    network.parameters().clearGradients();
    return gradients;
  }

  private static Backbone network(String family, Precision precision) {
    NetworkRecipe recipe =
        ModelFamilies.named(family).scaled(new ModelFamily.Scale(32, 2, 2, 16, 16));
    return drawn(recipe.create(4, 16, Device.CPU, precision));
  }

  private static Backbone drawn(Backbone network) {
    for (Parameter p : network.parameters().all()) {
      try (Scope s = Scope.open()) {
        p.value().copyFrom(Rng.of(7).fork(p.name()).normal(p.shape()).mul(0.1));
      }
    }
    network.parameters().changed();
    return network;
  }

  @ParameterizedTest
  @CsvSource({
    "lumina2, FLOAT32, true",
    "lumina2, BF16, true",
    "sdxl, FLOAT32, false",
    "z-image, FLOAT32, true"
  })
  void gradientsAreTheSameBitForBit(String family, Precision precision, boolean adapted) {
    try (Backbone base = network(family, precision);
        Backbone over = new LoraSettings(2, 2, List.of()).over(base, Rng.of(3))) {
      Backbone network = adapted ? drawn(over) : base;
      Map<String, float[]> kept = gradients(network, false);
      Map<String, float[]> again = gradients(network, true);
      assertThat(again).containsOnlyKeys(kept.keySet());
      kept.forEach((name, g) -> assertThat(again.get(name)).as(name).containsExactly(g));
      assertThat(kept.get("x")).isNotEqualTo(new float[kept.get("x").length]);
    }
  }

  /** The fused kernels take other tiles where they keep nothing, and may round otherwise. */
  @ParameterizedTest
  @CsvSource({
    "z-image, FLOAT32, 1e-5",
    "z-image, BF16, 3e-2",
    "lumina2, FLOAT32, 1e-5",
    "lumina2, BF16, 3e-2"
  })
  void fusedBlocksRunAgainToo(String family, Precision precision, double tolerance) {
    try (Backbone network = network(family, precision)) {
      Map<String, float[]> kept = gradients(network, false);
      Map<String, float[]> again = gradients(network, true);
      kept.forEach(
          (name, g) -> {
            float[] other = again.get(name);
            assertThat(other).as(name).hasSameSizeAs(g);
            double largest = 0;
            double apart = 0;
            for (int i = 0; i < g.length; i++) {
              largest = Math.max(largest, Math.abs(g[i]));
              apart = Math.max(apart, Math.abs(g[i] - other[i]));
            }
            assertThat(apart).as(name).isLessThanOrEqualTo(tolerance * largest);
          });
    }
  }
}
