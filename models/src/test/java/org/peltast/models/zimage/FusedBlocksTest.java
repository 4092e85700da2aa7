package org.peltast.models.zimage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.Network;
import org.peltast.models.zimage.fused.FusedBlocks;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.fused.Fused;

/** The fused blocks compute what the plain ones do, and its gradient, in float32 and in bf16. */
class FusedBlocksTest {
  private static final double CLOSE = 3e-5;

  /** Skips what this machine cannot compute by the kernels, as the product would not. */
  private static void assumeFusion(Precision precision) {
    String obstacle =
        FusedBlocks.obstacle(Device.CPU, precision.products(), Fused.width(), Fused.width());
    Assumptions.assumeTrue(obstacle == null, () -> "" + obstacle);
  }

  /** A network of random shape, plain and fused, with the same random weights. */
  private static final class Twins implements AutoCloseable {
    final ZImageConfig config;
    final ZImageTransformer plain;
    final ZImageTransformer fused;

    Twins(Rng rng, Precision precision) {
      assumeFusion(precision);
      int w = Fused.width();
      int heads = 1 + rng.fork("heads").below(3);
      int headDim = w * (1 + rng.fork("headDim").below(3));
      int third = headDim / 2 / 4 * 2;
      config =
          new ZImageConfig(
              List.of(1 + rng.fork("patch").below(2)),
              1 + rng.fork("channels").below(4),
              heads * headDim,
              1 + rng.fork("layers").below(3),
              rng.fork("refiners").below(3),
              heads,
              1e-5,
              true,
              24,
              256,
              1000,
              List.of(headDim - 2 * third, third, third),
              List.of(160, 32, 32));
      plain = network(config, rng, precision, false);
      fused = network(config, rng, precision, true);
    }

    @Override
    public void close() {
      plain.close();
      fused.close();
    }
  }

  private static ZImageTransformer network(
      ZImageConfig config, Rng rng, Precision precision, boolean fusing) {
    Parameters p = Parameters.on(Device.CPU, precision);
    ZImageTransformer network =
        new ZImageTransformer(config, p, config.patchSizes().get(0), fusing);
    p.initialise(rng.fork("weights"));
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      // Nothing may be at a value that hides a term: no zero heads, no norm weights of one.
      for (Parameter q : p.all()) {
        Rng own = rng.fork(q.name());
        q.value().copyFrom(q.value().add(own.normal(q.value().shape()).mul(0.1)));
      }
    }
    p.trainable(true);
    return network;
  }

  /** Answer, gradients of inputs, and every weight's gradient. */
  private static Map<String, Tensor> run(
      ZImageTransformer network, Rng rng, int batch, boolean ragged) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    int side = network.patch() * (3 + rng.fork("side").below(4));
    Tensor x =
        rng.fork("x").normal(batch, network.config().inChannels(), side, side).requireGrad(true);
    Tensor features = rng.fork("captions").normal(batch, 40, 24).requireGrad(true);
    List<Integer> lengths = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      lengths.add(ragged ? 5 + 35 * (i % 2) : 20);
    }
    Tensor t = rng.fork("t").uniform(0, 1, batch);
    Network.Text text = network.read(new Condition(features, lengths));
    Tensor y = network.forward(x, t, text);
    Tensor cotangent = rng.fork("dy").normal(y.shape());
    y.backward(cotangent);
    all.put("answer", y);
    all.put("dx", x.grad());
    all.put("dcaptions", features.grad());
    for (Parameter p : network.parameters().all()) {
      Tensor g = p.value().grad();
      all.put(p.name(), g == null ? Tensor.zeros(p.value().shape()) : g);
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6})
  void theFusedNetworkIsThePlainOne(int seed) {
    Rng rng = Rng.of(seed);
    int batch = 1 + rng.fork("batch").below(19);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32)) {
      Map<String, Tensor> plain = run(twins.plain, rng, batch, seed % 2 == 0);
      Map<String, Tensor> fused = run(twins.fused, rng, batch, seed % 2 == 0);
      plain.forEach(
          (name, wanted) -> {
            double size = wanted.square().mean().sqrt().item();
            double error = fused.get(name).sub(wanted).square().mean().sqrt().item();
            assertThat(error)
                .as("%s of %s: error against size %.2g", name, twins.config, size)
                .isLessThanOrEqualTo(CLOSE * Math.max(size, 1e-3));
          });
    }
  }

  /**
   * Both round what products read and write to eight bits, and differ in what happens between. Held
   * to float32 the fused blocks must be no further off than the plain ones, over all shapes and all
   * of a network's numbers together; one by one, within what chance makes of it.
   */
  @Test
  void inBfloat16TheFusedNetworkIsAsNearToFloat32AsThePlainOne() {
    double ofPlain = 0;
    double ofFused = 0;
    for (int seed = 21; seed <= 28; seed++) {
      Rng rng = Rng.of(seed);
      int batch = 1 + rng.fork("batch").below(19);
      boolean ragged = seed % 2 == 0;
      try (Scope scope = Scope.open();
          Twins exact = new Twins(rng, Precision.FLOAT32);
          Twins rounded = new Twins(rng, Precision.BF16)) {
        Map<String, Tensor> wanted = run(exact.plain, rng, batch, ragged);
        Map<String, Tensor> plain = run(rounded.plain, rng, batch, ragged);
        Map<String, Tensor> fused = run(rounded.fused, rng, batch, ragged);
        for (Map.Entry<String, Tensor> e : wanted.entrySet()) {
          double p = error(plain.get(e.getKey()), e.getValue());
          double f = error(fused.get(e.getKey()), e.getValue());
          assertThat(f)
              .as("%s of %s, where the plain error is %.2g", e.getKey(), rounded.config, p)
              .isLessThanOrEqualTo(2 * p + 0.005);
          ofPlain += p / wanted.size();
          ofFused += f / wanted.size();
        }
      }
    }
    assertThat(ofFused).isPositive().isLessThanOrEqualTo(ofPlain);
  }

  /** The root-mean-square difference in units of the wanted's own size. */
  private static double error(Tensor actual, Tensor wanted) {
    double size = wanted.square().mean().sqrt().item();
    double error = actual.sub(wanted).square().mean().sqrt().item();
    return error / Math.max(size, 1e-3);
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void gradientsAddUpOverTwoPassesAndFollowingOperations(Precision precision) {
    Rng rng = Rng.of(11);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, precision)) {
      Map<String, Tensor> once = new LinkedHashMap<>();
      run(twins.fused, rng, 4, false).forEach((k, v) -> once.put(k, v.mul(1)));
      Map<String, Tensor> twice = run(twins.fused, rng, 4, false);
      for (Parameter p : twins.fused.parameters().all()) {
        Tensor wanted = once.get(p.name()).mul(2);
        assertThat(error(twice.get(p.name()), wanted)).as(p.name()).isLessThanOrEqualTo(1e-4);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void theSameCallGivesTheSameBitsHoweverOftenAndOnWhateverItWasCompiledBy(Precision precision) {
    Rng rng = Rng.of(12);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, precision)) {
      twins.fused.parameters().clearGradients();
      Map<String, float[]> first = bits(run(twins.fused, rng, 6, true));
      for (int i = 0; i < 40; i++) {
        twins.fused.parameters().clearGradients();
        Map<String, float[]> again = bits(run(twins.fused, rng, 6, true));
        String round = "round " + i;
        first.forEach(
            (name, wanted) ->
                assertThat(Arrays.equals(again.get(name), wanted))
                    .as(round + ": " + name)
                    .isTrue());
      }
    }
  }

  private static Map<String, float[]> bits(Map<String, Tensor> all) {
    Map<String, float[]> bits = new LinkedHashMap<>();
    all.forEach((name, t) -> bits.put(name, t.toFloats()));
    return bits;
  }

  /** A weight's cast to bfloat16 is kept, but only until the weight changes. */
  @Test
  void afterWeightsChangedNothingIsComputedWithTheOldOnes() {
    Rng rng = Rng.of(14);
    try (Scope scope = Scope.open();
        Twins used = new Twins(rng, Precision.BF16);
        Twins fresh = new Twins(rng, Precision.BF16)) {
      run(used.fused, rng, 3, true);
      used.fused.parameters().clearGradients();
      for (Twins t : List.of(used, fresh)) {
        try (Autograd off = Autograd.off()) {
          t.fused.parameters().all().forEach(p -> p.value().scaleInPlace(0.7));
        }
        t.fused.parameters().changed();
      }
      Map<String, float[]> wanted = bits(run(fresh.fused, rng, 3, true));
      bits(run(used.fused, rng, 3, true))
          .forEach((name, actual) -> assertThat(actual).as(name).isEqualTo(wanted.get(name)));
    }
  }

  @Test
  void withoutGradientsNothingIsKept() {
    Rng rng = Rng.of(13);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32);
        Autograd off = Autograd.off()) {
      Tensor x = rng.normal(2, twins.config.inChannels(), 8, 8);
      Condition captions = new Condition(rng.normal(2, 8, 24), List.of(8, 8));
      Tensor t = Tensor.of(new float[] {0.2f, 0.7f}, 2);
      Tensor plain = twins.plain.forward(x, t, twins.plain.read(captions));
      Tensor fused = twins.fused.forward(x, t, twins.fused.read(captions));
      assertThat(fused.requiresGrad()).isFalse();
      assertThat(fused.sub(plain).abs().reshape(-1).max(false, 0).item()).isLessThan(1e-4);
    }
  }

  /** By the kernels where the processor has such products, by the plain operators elsewhere. */
  @ParameterizedTest
  @EnumSource(Precision.class)
  void anyPrecisionIsComputedOnEveryProcessor(Precision precision) {
    Rng rng = Rng.of(15);
    ZImageConfig config =
        new ZImageConfig(
            List.of(2),
            3,
            64,
            2,
            1,
            2,
            1e-5,
            true,
            24,
            256,
            1000,
            List.of(16, 8, 8),
            List.of(160, 32, 32));
    try (Scope scope = Scope.open();
        ZImageTransformer exact = network(config, rng, Precision.FLOAT32, false);
        ZImageTransformer asked =
            network(
                config,
                rng,
                precision,
                ZImageTransformer.obstacleToFusion(config, Parameters.on(Device.CPU, precision))
                    == null)) {
      Map<String, Tensor> wanted = run(exact, rng, 3, true);
      Map<String, Tensor> actual = run(asked, rng, 3, true);
      wanted.forEach(
          (name, w) ->
              assertThat(error(actual.get(name), w))
                  .as(name)
                  .isLessThanOrEqualTo(precision == Precision.BF16 ? 0.1 : CLOSE));
    }
  }

  @Test
  void theNumberOfThreadsIsLibtorchs() {
    assertThat(org.peltast.tensor.Crew.size()).isEqualTo(Engine.threads());
  }
}
