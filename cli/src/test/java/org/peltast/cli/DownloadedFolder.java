package org.peltast.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.peltast.models.files.JsonConfig;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Folders as they are downloaded, tiny: network, autoencoder, text encoder and tokenizer in the
 * published form, with random weights, and nothing that Peltast writes. Pictures have 64 pixels.
 */
final class DownloadedFolder {
  private static final Path GOLDEN = Path.of("../models/src/test/resources/golden");

  private DownloadedFolder() {}

  /** Of a family, by its id. */
  static void write(String family, Path model) throws IOException {
    switch (family) {
      case "z-image" -> {
        copy(GOLDEN.resolve("text-qwen3-tiny"), model);
        copy(GOLDEN.resolve("zimage-tiny"), model);
        index(model, "ZImagePipeline", "Qwen3Model", "Qwen2Tokenizer", "ZImageTransformer2DModel");
        edit(
            model.resolve("transformer/config.json"),
            json -> lens(json, 160)); // fewer places than its text encoder's 512 tokens
      }
      case "lumina2" -> {
        copy(GOLDEN.resolve("text-gemma2-tiny"), model);
        copy(GOLDEN.resolve("lumina2-tiny"), model);
        index(
            model, "Lumina2Pipeline", "Gemma2Model", "GemmaTokenizer", "Lumina2Transformer2DModel");
        edit(
            model.resolve("transformer/config.json"),
            json -> {
              lens(json, 400);
              json.put("sample_size", 8);
              json.put("cap_feat_dim", 36); // the text encoder's width
            });
        widen(model.resolve("transformer/diffusion_pytorch_model.safetensors"), 36);
      }
      default -> SdxlFolder.write(model);
    }
  }

  private static void lens(ObjectNode json, int captions) {
    ArrayNode lens = json.putArray("axes_lens");
    lens.add(captions).add(4).add(4);
  }

  private static void edit(Path file, java.util.function.Consumer<ObjectNode> change)
      throws IOException {
    ObjectNode json = (ObjectNode) JsonConfig.JSON.readTree(Files.readString(file));
    change.accept(json);
    Files.writeString(file, json.toPrettyString());
  }

  private static void index(
      Path model, String pipeline, String encoder, String tokenizer, String network)
      throws IOException {
    ObjectNode index = JsonConfig.JSON.createObjectNode();
    index.put("_class_name", pipeline);
    index.putArray("scheduler").add("diffusers").add("FlowMatchEulerDiscreteScheduler");
    index.putArray("text_encoder").add("transformers").add(encoder);
    index.putArray("tokenizer").add("transformers").add(tokenizer);
    index.putArray("transformer").add("diffusers").add(network);
    index.putArray("vae").add("diffusers").add("AutoencoderKL");
    Files.writeString(model.resolve("model_index.json"), index.toPrettyString());
  }

  /** A golden folder without its golden files, its formulas as weights. */
  private static void copy(Path golden, Path model) throws IOException {
    try (Stream<Path> walk = Files.walk(golden)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        Path copy = model.resolve(golden.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        if (file.endsWith("formula.json")) {
          boolean text = copy.getParent().endsWith("text_encoder");
          SdxlFolder.weights(
              file,
              copy.resolveSibling(
                  text ? "model.safetensors" : "diffusion_pytorch_model.safetensors"));
        } else if (!file.getParent().equals(golden)) {
          Files.copy(file, copy);
        }
      }
    }
  }

  /** Random caption layers of another width. */
  private static void widen(Path weights, int width) {
    try (Scope s = Scope.open()) {
      Map<String, Tensor> all = new LinkedHashMap<>(TensorFiles.read(weights));
      String name =
          all.keySet().stream()
              .filter(n -> n.endsWith("caption_embedder.0.weight"))
              .findFirst()
              .orElseThrow();
      String next = name.replace(".0.weight", ".1.weight");
      all.put(name, Tensor.ones(width));
      all.put(next, Rng.of(3).normal(all.get(next).size(0), width).mul(0.2));
      TensorFiles.write(weights, all, Map.of("format", "pt"));
    }
  }
}
