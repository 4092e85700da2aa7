package org.peltast.models.zimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.peltast.models.nextdit.FusedAgainstPlain.assumeFusion;
import static org.peltast.models.nextdit.FusedAgainstPlain.error;
import static org.peltast.models.nextdit.FusedAgainstPlain.initialise;
import static org.peltast.models.nextdit.FusedAgainstPlain.putGradients;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Network;
import org.peltast.models.ModelException;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Factor;
import org.peltast.tensor.kernels.Fused;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/** The fused blocks compute what the plain ones do, and its gradient, in float32 and in bf16. */
class FusedBlocksTest {
  private static final double CLOSE = 3e-5;

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
    initialise(p, rng);
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
    putGradients(network.parameters(), all);
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

  /** The gradients of a generator's weights by the loss that a critic makes of its answer. */
  private static Map<String, Tensor> criticised(
      ZImageTransformer generator, ZImageTransformer critic, Rng rng, int batch) {
    int side = generator.patch() * 4;
    Tensor noise = rng.fork("x").normal(batch, generator.config().inChannels(), side, side);
    Condition captions =
        new Condition(rng.fork("captions").normal(batch, 20, 24), Collections.nCopies(batch, 20));
    Tensor t = rng.fork("t").uniform(0, 1, batch);
    Tensor fake = generator.forward(noise, t, generator.read(captions));
    Network.Text read;
    try (Autograd off = Autograd.off()) {
      read = critic.read(captions);
    }
    FeatureTaps.Features seen = critic.features(fake, t, read, critic.featureNames());
    Tensor loss = seen.prediction().square().mean();
    for (Tensor features : seen.features().values()) {
      loss = loss.add(features.square().mean());
    }
    loss.backward();
    Map<String, Tensor> all = new LinkedHashMap<>();
    all.put("loss", loss.detach());
    putGradients(generator.parameters(), all);
    return all;
  }

  private static void assertClose(
      Map<String, Tensor> actual, Map<String, Tensor> wanted, double close) {
    assertThat(actual.keySet()).isEqualTo(wanted.keySet());
    wanted.forEach(
        (name, w) -> assertThat(error(actual.get(name), w)).as(name).isLessThanOrEqualTo(close));
  }

  private static long count(ZImageTransformer network, String pattern) {
    return network.parameters().all().stream().filter(p -> p.name().matches(pattern)).count();
  }

  /** Loss through a critic: its features' and its answer's gradients reach the generator alone. */
  @ParameterizedTest
  @ValueSource(ints = {31, 32, 33})
  void aFrozenCriticHasNoWeightGradients(int seed) {
    Rng rng = Rng.of(seed);
    try (Scope scope = Scope.open();
        Twins generators = new Twins(rng.fork("both"), Precision.FLOAT32);
        Twins critics = new Twins(rng.fork("both"), Precision.FLOAT32)) {
      long begin = Matrices.computed();
      long beginFactors = Factor.summed();
      criticised(generators.fused, critics.fused, rng, 3);
      long learning = Matrices.computed() - begin;
      long learningFactors = Factor.summed() - beginFactors;
      assertThat(critics.fused.parameters().all()).anyMatch(p -> p.value().grad() != null);
      generators.fused.parameters().clearGradients();
      critics.fused.parameters().clearGradients();
      critics.plain.parameters().trainable(false);
      critics.fused.parameters().trainable(false);

      Map<String, Tensor> wanted = criticised(generators.plain, critics.plain, rng, 3);
      begin = Matrices.computed();
      beginFactors = Factor.summed();
      Map<String, Tensor> actual = criticised(generators.fused, critics.fused, rng, 3);
      long frozen = Matrices.computed() - begin;
      long frozenFactors = Factor.summed() - beginFactors;
      assertClose(actual, wanted, 3 * CLOSE); // a gradient through two networks
      assertThat(critics.fused.parameters().all()).allMatch(p -> p.value().grad() == null);
      // One product for each matrix of the blocks that see the image, and another where a
      // modulation hands on to the time, which nothing asks for any more.
      String blocks = "(layers|noise_refiner)\\..*";
      long matrices =
          count(critics.fused, blocks + "(to_q|to_k|to_v|to_out\\.0|w1|w2|w3)\\.weight");
      long modulations = count(critics.fused, blocks + "adaLN_modulation.*weight");
      assertThat(matrices).isPositive();
      assertThat(learning - frozen).isEqualTo(matrices + 2 * modulations);
      // Four norms of each block, and those of queries and keys.
      long norms =
          count(critics.fused, blocks + "(attention_norm[12]|ffn_norm[12]|norm_[qk])\\.weight");
      assertThat(norms).isPositive();
      assertThat(learningFactors - frozenFactors).isEqualTo(norms);

      // A critic that learnt before and is frozen now has nothing from then, and learns again.
      critics.fused.parameters().trainable(true);
      criticised(generators.fused, critics.fused, rng, 3);
      assertThat(critics.fused.parameters().all()).anyMatch(p -> p.value().grad() != null);
    }
  }

  /** Also where nothing before a trainable weight asks for a gradient. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        ".*to_q\\.weight",
        ".*norm.*",
        "layers\\.0\\..*",
        "noise_refiner.*feed_forward.*",
        "context_refiner.*",
        ".*adaLN_modulation.*",
        "layers.*to_v.*|t_embedder.*",
        "all_final_layer.*"
      })
  void someOfTheWeightsCanBeTrainedAlone(String trainable) {
    Rng rng = Rng.of(22);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32)) {
      for (ZImageTransformer network : List.of(twins.plain, twins.fused)) {
        network.parameters().all().forEach(p -> p.trainable(p.name().matches(trainable)));
      }
      for (boolean byInputs : new boolean[] {false, true}) {
        Map<String, Tensor> wanted = gradients(twins.plain, rng, byInputs);
        Map<String, Tensor> actual = gradients(twins.fused, rng, byInputs);
        assertThat(wanted.keySet())
            .isEqualTo(
                twins.plain.parameters().all().stream()
                    .map(Parameter::name)
                    .filter(name -> name.matches(trainable))
                    .collect(Collectors.toSet()));
        assertClose(actual, wanted, CLOSE);
        twins.plain.parameters().clearGradients();
        twins.fused.parameters().clearGradients();
      }
    }
  }

  /** The gradients that there are, by name. */
  private static Map<String, Tensor> gradients(
      ZImageTransformer network, Rng rng, boolean byInputs) {
    int side = network.patch() * 4;
    Tensor x =
        rng.fork("x").normal(2, network.config().inChannels(), side, side).requireGrad(byInputs);
    Tensor features = rng.fork("captions").normal(2, 20, 24).requireGrad(byInputs);
    Tensor t = rng.fork("t").uniform(0, 1, 2);
    Tensor y = network.forward(x, t, network.read(new Condition(features, List.of(20, 9))));
    y.backward(rng.fork("dy").normal(y.shape()));
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (Parameter p : network.parameters().all()) {
      Tensor g = p.value().grad();
      if (g != null) {
        all.put(p.name(), g.mul(1));
      }
    }
    return all;
  }

  /** Values and gradients of features, each alone and all together. */
  @ParameterizedTest
  @ValueSource(ints = {41, 42, 43, 44})
  void featuresAreThePlainOnes(int seed) {
    Rng rng = Rng.of(seed);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32)) {
      List<String> all = twins.plain.featureNames();
      assertThat(all).hasSize(twins.config.layers()).startsWith("layers.0");
      List<List<String>> choices = new ArrayList<>();
      all.forEach(name -> choices.add(List.of(name)));
      choices.add(all);
      for (List<String> names : choices) {
        for (boolean answering : new boolean[] {false, true}) {
          Map<String, Tensor> wanted = tapped(twins.plain, rng, names, answering);
          Map<String, Tensor> actual = tapped(twins.fused, rng, names, answering);
          assertClose(actual, wanted, CLOSE);
          twins.plain.parameters().clearGradients();
          twins.fused.parameters().clearGradients();
        }
      }
    }
  }

  /** Answer, features, and all gradients of a loss on features, and on the answer or not. */
  private static Map<String, Tensor> tapped(
      ZImageTransformer network, Rng rng, List<String> names, boolean answering) {
    int side = network.patch() * 5;
    Tensor x = rng.fork("x").normal(3, network.config().inChannels(), side, side).requireGrad(true);
    Tensor captions = rng.fork("captions").normal(3, 40, 24).requireGrad(true);
    Tensor t = rng.fork("t").uniform(0, 1, 3);
    Network.Text text = network.read(new Condition(captions, List.of(40, 7, 33)));
    FeatureTaps.Features f = network.features(x, t, text, names);
    assertThat(f.features().keySet()).containsExactlyElementsOf(names);
    Map<String, Tensor> all = new LinkedHashMap<>();
    Tensor loss = f.prediction().mul(answering ? 1 : 0).sum();
    all.put("answer", f.prediction().detach());
    for (String name : names) {
      Tensor features = f.get(name);
      assertThat(features.shape()).containsExactly(3, 25, network.config().dim());
      loss = loss.add(features.mul(rng.fork(name).normal(features.shape())).sum());
      all.put(name, features.detach());
    }
    loss.backward();
    all.put("dx", x.grad());
    all.put("dcaptions", captions.grad());
    for (Parameter p : network.parameters().all()) {
      Tensor g = p.value().grad();
      all.put("d " + p.name(), g == null ? Tensor.zeros(p.value().shape()) : g.mul(1));
    }
    return all;
  }

  @Test
  void aFeatureThatIsNotThereIsOneSentence() {
    Rng rng = Rng.of(16);
    try (Scope scope = Scope.open();
        Twins twins = new Twins(rng, Precision.FLOAT32)) {
      Tensor x = rng.normal(1, twins.config.inChannels(), 8, 8);
      Network.Text text = twins.plain.read(new Condition(rng.normal(1, 8, 24), List.of(8)));
      Tensor t = Tensor.of(new float[] {0.5f}, 1);
      assertThatThrownBy(() -> twins.plain.features(x, t, text, List.of("layers.99")))
          .isInstanceOf(ModelException.class)
          .hasMessage(
              "the model has no features 'layers.99', but layers.0 to layers."
                  + (twins.config.layers() - 1));
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
    assertThat(org.peltast.tensor.WorkerPool.size()).isEqualTo(Engine.threads());
  }
}
