package org.peltast.models.lumina2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.peltast.models.nextdit.FusedAgainstPlain.assumeFusion;
import static org.peltast.models.nextdit.FusedAgainstPlain.error;
import static org.peltast.models.nextdit.FusedAgainstPlain.initialise;
import static org.peltast.models.nextdit.FusedAgainstPlain.putGradients;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Network;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Fused;
import org.peltast.tensor.nn.Parameters;

/**
 * The fused blocks compute what the plain ones do where query heads share keys and where sequences
 * are no whole vectors.
 */
class FusedGroupsTest {
  private static final double CLOSE = 3e-5;

  /** A network of random shape, plain and fused, with the same random weights. */
  private static final class Twins implements AutoCloseable {
    final Lumina2Config config;
    final Lumina2Transformer plain;
    final Lumina2Transformer fused;

    Twins(Rng rng, Precision precision) {
      assumeFusion(precision);
      int groups = 1 + rng.fork("groups").below(2);
      int heads = groups * (1 + rng.fork("sharing").below(3));
      int headDim = Fused.width() * (1 + rng.fork("headDim").below(2));
      int third = headDim / 2 / 4 * 2;
      config =
          new Lumina2Config(
              1 + rng.fork("patch").below(2),
              1 + rng.fork("channels").below(4),
              heads * headDim,
              1 + rng.fork("layers").below(3),
              rng.fork("refiners").below(3),
              heads,
              groups,
              8,
              0.7,
              1e-5,
              24,
              List.of(headDim - 2 * third, third, third),
              List.of(60, 32, 32),
              16,
              1);
      plain = network(config, rng, precision, false);
      fused = network(config, rng, precision, true);
    }

    @Override
    public void close() {
      plain.close();
      fused.close();
    }
  }

  private static Lumina2Transformer network(
      Lumina2Config config, Rng rng, Precision precision, boolean fusing) {
    Parameters p = Parameters.on(Device.CPU, precision);
    Lumina2Transformer network = new Lumina2Transformer(config, p, fusing);
    initialise(p, rng);
    return network;
  }

  /** Answer, features, gradients of inputs, and every weight's gradient. */
  private static Map<String, Tensor> run(Lumina2Transformer network, Rng rng) {
    int batch = 1 + rng.fork("batch").below(6);
    boolean ragged = rng.fork("ragged").below(2) == 0;
    int patch = network.config().patch();
    int height = patch * (3 + rng.fork("height").below(4));
    int width = patch * (2 + rng.fork("width").below(5));
    Tensor x = rng.fork("x").normal(batch, network.channels(), height, width).requireGrad(true);
    Tensor features = rng.fork("captions").normal(batch, 40, 24).requireGrad(true);
    List<Integer> lengths = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      lengths.add(ragged ? 5 + 35 * (i % 2) : 21);
    }
    Network.Text text = network.read(new Condition(features, lengths));
    List<String> taps = network.featureNames().subList(0, 1);
    FeatureTaps.Features seen = network.features(x, rng.fork("t").uniform(0, 1, batch), text, taps);
    Tensor y = seen.prediction();
    Tensor tapped = seen.features().get(taps.get(0));
    y.mul(rng.fork("dy").normal(y.shape()))
        .sum()
        .add(tapped.mul(rng.fork("df").normal(tapped.shape())).sum())
        .backward();
    Map<String, Tensor> all = new LinkedHashMap<>();
    all.put("answer", y);
    all.put("tapped", tapped);
    all.put("dx", x.grad());
    all.put("dcaptions", features.grad());
    putGradients(network.parameters(), all);
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void theFusedNetworkIsThePlainOne(int seed) {
    Rng rng = Rng.of(seed);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32)) {
      Map<String, Tensor> fused = run(twins.fused, rng);
      run(twins.plain, rng)
          .forEach(
              (name, wanted) ->
                  assertThat(error(fused.get(name), wanted))
                      .as("%s of %s", name, twins.config)
                      .isLessThanOrEqualTo(CLOSE));
    }
  }

  @Test
  void inBfloat16TheFusedNetworkIsAsNearToFloat32AsThePlainOne() {
    double ofPlain = 0;
    double ofFused = 0;
    for (int seed = 21; seed <= 24; seed++) {
      Rng rng = Rng.of(seed);
      try (Scope scope = Scope.open();
          Twins exact = new Twins(rng, Precision.FLOAT32);
          Twins rounded = new Twins(rng, Precision.BF16)) {
        Map<String, Tensor> wanted = run(exact.plain, rng);
        Map<String, Tensor> plain = run(rounded.plain, rng);
        Map<String, Tensor> fused = run(rounded.fused, rng);
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
    assertThat(ofFused).isPositive().isLessThanOrEqualTo(1.05 * ofPlain);
  }

  @Test
  void withoutGradientsTheAnswerIsTheSame() {
    Rng rng = Rng.of(13);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32);
        Autograd off = Autograd.off()) {
      int side = twins.config.patch() * 5;
      Tensor x = rng.normal(3, twins.plain.channels(), side, side);
      Condition captions = new Condition(rng.normal(3, 9, 24), List.of(9, 3, 7));
      Tensor t = rng.uniform(0, 1, 3);
      Tensor plain = twins.plain.forward(x, t, twins.plain.read(captions));
      Tensor fused = twins.fused.forward(x, t, twins.fused.read(captions));
      assertThat(error(fused, plain)).isLessThanOrEqualTo(CLOSE);
    }
  }
}
