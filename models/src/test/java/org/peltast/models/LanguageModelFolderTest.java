package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Guidance;
import org.peltast.models.text.LanguageModelEncoder;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** A folder as Z-Image is published, tiny: opened, drawn with, written, opened again. */
class LanguageModelFolderTest {
  @TempDir Path temporary;

  private Path published() throws IOException {
    Path folder = temporary.resolve("published");
    FormulaWeights.materialise(Golden.path("text-qwen3-tiny"), folder);
    Path network = Golden.path("zimage-tiny");
    try (Stream<Path> walk = Files.walk(network)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        Path copy = folder.resolve(network.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        if (!Files.exists(copy)) {
          Files.copy(file, copy);
        }
      }
    }
    Files.writeString(
        folder.resolve("model_index.json"),
        """
        {
          "_class_name": "ZImagePipeline",
          "_diffusers_version": "0.36.0",
          "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
          "text_encoder": ["transformers", "Qwen3Model"],
          "tokenizer": ["transformers", "Qwen2Tokenizer"],
          "transformer": ["diffusers", "ZImageTransformer2DModel"],
          "vae": ["diffusers", "AutoencoderKL"]
        }
        """);
    return folder;
  }

  @Test
  void aPublishedFolderDrawsAndIsWrittenWhole() throws IOException {
    Path folder = published();
    List<String> prompts = List.of("a red apple", "a red apple", "你好 😀");
    try (Scope scope = Scope.open();
        TextToImage model = ModelFolder.open(folder)) {
      LanguageModelEncoder encoder = (LanguageModelEncoder) model.textEncoder();
      GenerationSettings settings =
          model.defaults().withSize(32, 32).withSteps(2).withGuidance(Guidance.NONE.alpha() + 2);
      float[] pictures = model.generate(prompts, 7, settings, 2, done -> {}).toFloats();
      TokenFeatures features = encoder.encode("a red apple");
      assertThat(features.tokens()).isEqualTo(encoder.tokenIds("a red apple").length);
      Path written = temporary.resolve("written");
      ModelFolder.write(written, model, DType.FLOAT32);
      assertThat(Files.readString(written.resolve("model_index.json")))
          .contains("Qwen3Model", "Qwen2Tokenizer");
      try (TextToImage again = ModelFolder.open(written)) {
        assertThat(again.textEncoder().id()).isEqualTo(encoder.id());
        assertThat(again.textEncoder().encode("a red apple")).isEqualTo(features);
        assertThat(again.generate(prompts, 7, settings, 2, done -> {}).toFloats())
            .isEqualTo(pictures);
      }
    }
  }

  /** The variant's weights are others here, so that one sees which were read. */
  @Test
  void aVariantReachesTheTextEncoder() throws IOException {
    Path folder = published();
    Path plain = folder.resolve("text_encoder/diffusion_pytorch_model.safetensors");
    Path variant = plain.resolveSibling("model.fp16.safetensors");
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> all = new LinkedHashMap<>(TensorFiles.read(plain));
      all.replaceAll((name, value) -> value.mul(0.5));
      TensorFiles.write(variant, all, Map.of(), DType.FLOAT16);
      TokenFeatures read = features(new ModelSource(folder, null, null));
      TokenFeatures asked = features(new ModelSource(folder, "fp16", null));
      assertThat(asked).isNotEqualTo(read);
      Path written = temporary.resolve("written");
      try (TextToImage model =
              ModelFolder.open(
                  new ModelSource(folder, "fp16", null), Device.CPU, Precision.FLOAT32);
          TextToImage other = ModelFolder.open(folder, Device.CPU, Precision.FLOAT32)) {
        assertThat(model.textEncoder().id()).isNotEqualTo(other.textEncoder().id());
        ModelFolder.write(written, model, DType.FLOAT32);
      }
      // A folder of its own has the weights that the model was read with, and no others.
      assertThat(written.resolve("text_encoder/model.fp16.safetensors")).exists();
      assertThat(written.resolve("text_encoder").resolve(plain.getFileName())).doesNotExist();
      assertThat(features(ModelSource.of(written))).isEqualTo(asked);
    }
  }

  private static TokenFeatures features(ModelSource source) {
    try (TextToImage model = ModelFolder.open(source, Device.CPU, Precision.FLOAT32)) {
      return model.textEncoder().encode("a red apple");
    }
  }
}
