package org.peltast.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.peltast.safetensors.Checkpoint;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;

/** Models go to ComfyUI's single files and come back bit for bit, by folder and by network. */
class SingleFileTest {
  @TempDir Path temporary;

  private Path model(String name) throws IOException {
    Path model = FormulaWeights.materialise(Golden.path(name), temporary.resolve(name));
    for (String text : List.of("text_encoder", "text_encoder_2")) {
      Path given = model.resolve(text).resolve("diffusion_pytorch_model.safetensors");
      if (Files.exists(given)) { // transformers' name
        Files.move(given, given.resolveSibling("model.safetensors"));
      }
    }
    return model;
  }

  private static Backbone open(Path model, Path network) {
    ModelSource source = new ModelSource(model, null, network);
    ModelFamily family = source.family();
    return family.open(
        source.network(family), family.recipe().schedule(), 0, Device.CPU, Precision.FLOAT32);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "zimage-tiny",
        "lumina2-tiny",
        "lumina2-wide",
        "sdxl-tiny",
        "sdxl-layers",
        "sdxl-conv"
      })
  void everyNumberComesBack(String name) throws IOException {
    Path model = model(name);
    Path single = temporary.resolve("single.safetensors");
    ComfyExport.Written written = ComfyExport.write(ModelSource.of(model), single);
    try (Checkpoint file = Checkpoint.open(single)) {
      assertThat(file.tensors()).hasSize(written.tensors());
      assertThat(file.tensors().keySet())
          .contains(
              name.startsWith("sdxl")
                  ? "model.diffusion_model.input_blocks.0.0.weight"
                  : "layers.0.attention.qkv.weight");
    }

    // By the network, which reads the file itself.
    try (Scope s = Scope.open();
        Backbone plain = open(model, null);
        Backbone read = open(model, single)) {
      Map<String, Tensor> values = read.parameters().values();
      plain
          .parameters()
          .values()
          .forEach(
              (key, value) ->
                  assertThat(values.get(key).toFloats()).as(key).isEqualTo(value.toFloats()));
    }

    // By the folder, with all that the file holds.
    Path back = temporary.resolve("back");
    ComfyImport.Written imported = ComfyImport.write(single, ModelSource.of(model), back);
    assertThat(imported.read()).doesNotContainAnyElementsOf(imported.kept());
    for (String component : imported.read()) {
      assertThat(bytes(back.resolve(component))).isEqualTo(bytes(model.resolve(component)));
    }
    if (name.equals("sdxl-tiny")) {
      assertThat(imported.read()).containsExactly("unet", "vae", "text_encoder", "text_encoder_2");
      assertThat(written.leftOut()).isEmpty();
      try (TextToImage opened = ModelFolder.open(back)) {
        assertThat(opened.textEncoder().width()).isEqualTo(opened.network().captionWidth());
      }
    }
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left.map(p -> p.getFileName() + "")).noneMatch(n -> n.startsWith("."));
    }
  }

  /** Type, shape and bytes of each tensor of a component. */
  private static Map<String, String> bytes(Path component) {
    Map<String, String> all = new LinkedHashMap<>();
    Path weights = org.peltast.models.files.Component.of(component).weights();
    try (Checkpoint checkpoint = Checkpoint.open(weights)) {
      new java.util.TreeMap<>(checkpoint.tensors())
          .forEach(
              (name, info) -> {
                java.nio.ByteBuffer bytes =
                    java.nio.ByteBuffer.allocate(Math.toIntExact(info.byteSize()));
                checkpoint.read(name, 0, bytes);
                all.put(
                    name,
                    info.type()
                        + " "
                        + info.shape()
                        + " "
                        + java.util.Arrays.hashCode(bytes.array()));
              });
    }
    return all;
  }

  @Test
  void aFileThatDoesNotFitLeavesNothing() throws IOException {
    Path model = model("lumina2-tiny");
    Path single = temporary.resolve("single.safetensors");
    ComfyExport.write(ModelSource.of(model), single);
    Path bad = temporary.resolve("bad.safetensors");
    try (Scope s = Scope.open()) {
      Map<String, Tensor> all = new LinkedHashMap<>(TensorFiles.read(single));
      all.remove("layers.1.attention.out.weight");
      TensorFiles.write(bad, all, Map.of());
    }
    Path out = temporary.resolve("out");
    assertThatThrownBy(() -> ComfyImport.write(bad, ModelSource.of(model), out))
        .isInstanceOf(ModelException.class)
        .hasMessage(bad + ": the tensor layers.1.attention.out.weight is missing");
    assertThatThrownBy(() -> ComfyImport.write(single, ModelSource.of(model("zimage-tiny")), out))
        .isInstanceOf(ModelException.class);
    assertThat(out).doesNotExist();
    assertThatThrownBy(() -> ComfyExport.write(ModelSource.of(model("zimage-patches")), bad))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("several patch sizes");
  }
}
