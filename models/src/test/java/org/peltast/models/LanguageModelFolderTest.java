package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.peltast.diffusion.Guidance;
import org.peltast.models.text.LanguageModelEncoder;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;

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
}
