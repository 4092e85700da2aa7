package org.peltast.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Weights given by a formula: what {@code oracles/README.md} calls "Formula".
 *
 * <p>Golden model folders hold {@code formula.json} in place of a weights file; {@link
 * #materialise} turns a copy of such a folder into an ordinary one, so that tests load it as they
 * would load any checkpoint.
 */
public final class FormulaWeights {
  private static final ObjectMapper JSON = new ObjectMapper();

  private FormulaWeights() {}

  /**
   * The values of one parameter, row-major: FNV-1a of its name seeds SplitMix64, whose top 24 bits
   * are spread over {@code mean ± scale}.
   */
  public static float[] values(String name, int count, double mean, double scale) {
    long hash = 0xCBF29CE484222325L;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xFF)) * 0x100000001B3L;
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      long z = hash + (i + 1L) * 0x9E3779B97F4A7C15L;
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      z = z ^ (z >>> 31);
      double u = (z >>> 40) * 0x1p-23 - 1.0;
      values[i] = (float) (mean + scale * u);
    }
    return values;
  }

  /**
   * Copies a model folder to {@code target}, writing {@code diffusion_pytorch_model.safetensors}
   * (float32) where the original has {@code formula.json}.
   *
   * @return {@code target}
   */
  public static Path materialise(Path folder, Path target) {
    try (Stream<Path> walk = Files.walk(folder)) {
      List<Path> sources = walk.filter(Files::isRegularFile).toList();
      for (Path source : sources) {
        Path copy = target.resolve(folder.relativize(source).toString());
        Files.createDirectories(copy.getParent());
        if (source.endsWith("formula.json")) {
          Files.write(
              copy.resolveSibling("diffusion_pytorch_model.safetensors"),
              safetensors(JSON.readTree(source.toFile()).get("parameters")));
        } else {
          Files.copy(source, copy);
        }
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // Written by hand on purpose: the bytes do not depend on the writer that they help to test.
  private static byte[] safetensors(JsonNode parameters) {
    ObjectNode header = JSON.createObjectNode();
    long offset = 0;
    for (var parameter : parameters.properties()) {
      int count = count(parameter.getValue());
      ObjectNode entry = header.putObject(parameter.getKey());
      entry.put("dtype", "F32");
      entry.set("shape", parameter.getValue().get("shape"));
      ArrayNode offsets = entry.putArray("data_offsets");
      offsets.add(offset).add(offset + 4L * count);
      offset += 4L * count;
    }
    byte[] json = JSON.writeValueAsBytes(header);
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.toIntExact(8 + json.length + offset))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    for (var parameter : parameters.properties()) {
      JsonNode law = parameter.getValue();
      double mean = law.get("mean").asDouble();
      double scale = law.get("scale").asDouble();
      for (float value : values(parameter.getKey(), count(law), mean, scale)) {
        bytes.putFloat(value);
      }
    }
    return bytes.array();
  }

  private static int count(JsonNode parameter) {
    int count = 1;
    for (JsonNode size : parameter.get("shape")) {
      count *= size.asInt();
    }
    return count;
  }
}
