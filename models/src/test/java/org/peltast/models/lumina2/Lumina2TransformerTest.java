package org.peltast.models.lumina2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.Backbone;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.Weights;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/** What golden files do not say of the network: its folder, its refusals, items of a batch. */
class Lumina2TransformerTest {
  /** As the published model's config.json has it. */
  private static final String PUBLISHED =
      """
      {
        "_class_name": "Lumina2Transformer2DModel",
        "_diffusers_version": "0.33.0.dev0",
        "axes_dim_rope": [32, 32, 32],
        "axes_lens": [300, 512, 512],
        "cap_feat_dim": 2304,
        "ffn_dim_multiplier": null,
        "hidden_size": 2304,
        "in_channels": 16,
        "multiple_of": 256,
        "norm_eps": 1e-05,
        "num_attention_heads": 24,
        "num_kv_heads": 8,
        "num_layers": 26,
        "num_refiner_layers": 2,
        "out_channels": null,
        "patch_size": 2,
        "sample_size": 128,
        "scaling_factor": 1.0
      }
      """;

  private static final Lumina2Config TINY =
      new Lumina2Config(
          2, 3, 24, 2, 1, 3, 1, 8, 0.7, 1e-4, 5, List.of(4, 2, 2), List.of(12, 8, 9), 16, 0.5);

  @TempDir Path temporary;
  private Scope scope;
  private Lumina2Transformer network;

  @BeforeEach
  void open() {
    scope = Scope.open();
    Parameters p = Parameters.on(Device.CPU, Precision.FLOAT32);
    network = new Lumina2Transformer(TINY, p);
    p.initialise(Rng.of(3));
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (var parameter : p.all()) {
        Tensor v = parameter.value();
        v.copyFrom(v.add(Rng.of(4).fork(parameter.name()).normal(v.shape()).mul(0.2)));
      }
    }
    p.changed();
  }

  @AfterEach
  void close() {
    network.close();
    scope.close();
  }

  private Lumina2Config read(String json) throws IOException {
    return Lumina2Files.config(
        JsonConfig.read(Files.writeString(temporary.resolve("config.json"), json)));
  }

  @Test
  void thePublishedConfigurationIsReadAndDescribesItsTensors() throws IOException {
    Lumina2Config c = read(PUBLISHED);
    assertThat(c.feedForwardDim()).isEqualTo(9216);
    assertThat(c.headDim()).isEqualTo(96);
    assertThat(c.modulationDim()).isEqualTo(1024);
    long attention = 2L * 2304 * 2304 + 2L * 768 * 2304 + 2 * 96;
    long block = attention + 3L * 2304 * 9216 + 4 * 2304;
    long modulation = (1024 + 1L) * 4 * 2304;
    long embedders = 65L * 2304 + 2304 + 2305L * 2304 + 257 * 1024 + 1025 * 1024;
    long last = 1025L * 2304 + 2305L * 64;
    assertThat(30 * block + 28 * modulation + embedders + last)
        .isBetween(2_600_000_000L, 2_620_000_000L); // "2.6 B"
    assertThat(Lumina2Files.json(c).toString())
        .isEqualTo(Lumina2Files.json(read(Lumina2Files.json(c).toString())).toString());
    assertThat(read("{}").captionDim()).isEqualTo(1024); // diffusers' own default
  }

  @Test
  void keysHaveTheirOwnNull() throws IOException {
    assertThat(read(PUBLISHED.replace("\"num_kv_heads\": 8", "\"num_kv_heads\": null")).groups())
        .isEqualTo(24);
    assertThat(
            read(PUBLISHED.replace("\"out_channels\": null", "\"out_channels\": 16")).inChannels())
        .isEqualTo(16);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"qk_scale\": 2|the key qk_scale is not one that is read here",
        "\"out_channels\": 32|out_channels must be as in_channels, 16, but is 32",
        "\"num_kv_heads\": 7|num_attention_heads 24 must be a multiple of num_kv_heads 7",
        "\"num_attention_heads\": 25|hidden_size 2304 must be a multiple of num_attention_heads 25",
        "\"axes_dim_rope\": [32, 32, 30]|axes_dim_rope [32, 32, 30] must add up",
        "\"axes_dim_rope\": [33, 31, 32]|axes_dim_rope must be even",
        "\"ffn_dim_multiplier\": -1|ffn_dim_multiplier must be positive",
        "\"norm_eps\": 0|norm_eps must be positive",
        "\"num_layers\": 0|num_layers must be positive",
      })
  void whatIsNotComputedIsRefusedByName(String key, String sentence) {
    assertThatThrownBy(() -> read("{" + key + "}"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("config.json: ")
        .hasMessageContaining(sentence);
  }

  @Test
  void aWrittenNetworkIsReadAgain() throws IOException {
    Map<String, Tensor> weights = network.parameters().values();
    Lumina2Family family = Lumina2Family.INSTANCE;
    family.write(temporary, network, weights, DType.FLOAT32);
    NoiseSchedule schedule = NoiseSchedule.flow(new TimeShift(6));
    try (Backbone again =
        family.open(Component.of(temporary), schedule, 0, Device.CPU, Precision.FLOAT32)) {
      assertThat(((Lumina2Transformer) again).config()).isEqualTo(TINY);
      again
          .parameters()
          .values()
          .forEach((name, w) -> assertThat(w.toFloats()).isEqualTo(weights.get(name).toFloats()));
    }
    Weights.write(temporary, Map.of("x_embedder.weight", Tensor.zeros(24, 12)), DType.FLOAT32);
    assertThatThrownBy(
            () -> family.open(Component.of(temporary), schedule, 0, Device.CPU, Precision.FLOAT32))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("it lacks");
  }

  private Tensor images(int batch) {
    return Rng.of(7).normal(batch, 3, 4, 6);
  }

  private Condition captions(List<Integer> lengths) {
    return new Condition(Rng.of(8).normal(lengths.size(), 9, 5), lengths);
  }

  @Test
  void anItemDoesNotDependOnItsBatchNorOnWhatPadsItsCaption() {
    Tensor x = images(3);
    Tensor t = Tensor.of(new float[] {0, 0.4f, 0.9f}, 3);
    Condition ragged = captions(List.of(2, 7, 1));
    Tensor together = network.forward(x, t, network.read(ragged));
    for (int i = 0; i < 3; i++) {
      Condition alone =
          new Condition(
              ragged.features().narrow(0, i, 1).narrow(1, 0, ragged.lengths().get(i)),
              ragged.lengths().subList(i, i + 1));
      float[] one =
          network.forward(x.narrow(0, i, 1), t.narrow(0, i, 1), network.read(alone)).toFloats();
      float[] all = together.narrow(0, i, 1).contiguous().toFloats();
      for (int j = 0; j < one.length; j++) {
        assertThat(one[j]).isCloseTo(all[j], within(2e-5f));
      }
    }
  }

  @Test
  void featuresAreThoseOfTheImage() {
    Tensor x = images(2);
    Tensor t = Tensor.of(new float[] {0.1f, 0.6f}, 2);
    var text = network.read(captions(List.of(3, 5)));
    FeatureTaps.Features features = network.features(x, t, text, network.featureNames());
    assertThat(network.featureNames()).containsExactly("layers.0", "layers.1");
    assertThat(features.get("layers.0").shape())
        .containsExactly(2, 6, network.featureWidth("layers.0"));
    assertThat(features.get("layers.1").shape()).containsExactly(2, 6, 24);
    float[] tapped = features.prediction().toFloats();
    float[] plain = network.forward(x, t, text).toFloats();
    for (int i = 0; i < plain.length; i++) {
      assertThat(tapped[i]).isCloseTo(plain[i], within(2e-5f));
    }
    assertThatThrownBy(() -> network.features(x, t, text, List.of("layers.2")))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("no features 'layers.2', but layers.0 to layers.1");
  }

  @Test
  void whatDoesNotFitIsOneSentence() {
    assertThatThrownBy(() -> network.read(new Condition(Tensor.zeros(1, 3, 4), List.of(3))))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("captions of width 5");
    var text = network.read(captions(List.of(3)));
    Tensor t = Tensor.of(new float[] {0.5f}, 1);
    assertThatThrownBy(() -> network.forward(Tensor.zeros(1, 3, 5, 6), t, text))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("multiples of 2");
    assertThatThrownBy(() -> network.forward(Tensor.zeros(1, 3, 18, 2), t, text))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("8 positions on axis 1");
    assertThatThrownBy(() -> network.read(new Condition(Tensor.zeros(1, 13, 5), List.of(13))))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("12 positions on axis 0");
  }
}
