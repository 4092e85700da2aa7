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
import tools.jackson.databind.JsonNode;

/** A folder as diffusers writes SDXL's, tiny: pictures of 40 × 48 pixels, real text encoders. */
final class SdxlFolder {
  private SdxlFolder() {}

  /** The configurations of the golden model with weights of its formula's spread. */
  static void write(Path model) throws IOException {
    Path golden = Path.of("../models/src/test/resources/golden/sdxl-tiny");
    try (Stream<Path> walk = Files.walk(golden)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        Path copy = model.resolve(golden.relativize(file).toString());
        if (file.endsWith("formula.json")) {
          Files.createDirectories(copy.getParent());
          boolean text = copy.getParent().getFileName().toString().startsWith("text");
          weights(
              file,
              copy.resolveSibling(
                  text ? "model.safetensors" : "diffusion_pytorch_model.safetensors"));
        } else if (!file.toString().endsWith(".safetensors")) {
          Files.createDirectories(copy.getParent());
          Files.copy(file, copy);
        }
      }
    }
  }

  /** Random weights of a formula's spread. */
  static void weights(Path formula, Path to) throws IOException {
    try (Scope s = Scope.open()) {
      Map<String, Tensor> all = new LinkedHashMap<>();
      JsonNode parameters = JsonConfig.JSON.readTree(Files.readString(formula)).get("parameters");
      for (Map.Entry<String, JsonNode> e : parameters.properties()) {
        long[] shape = new long[e.getValue().get("shape").size()];
        for (int i = 0; i < shape.length; i++) {
          shape[i] = e.getValue().get("shape").get(i).longValue();
        }
        double mean = e.getValue().get("mean").doubleValue();
        double scale = e.getValue().get("scale").doubleValue();
        all.put(e.getKey(), Rng.of(1).fork(e.getKey()).uniform(mean - scale, mean + scale, shape));
      }
      TensorFiles.write(to, all, Map.of("format", "pt"));
    }
  }
}
