package org.peltast.models;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.models.files.JsonConfig;
import org.peltast.safetensors.Checkpoint;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * A golden file: inputs and outputs that a reference implementation recorded, and its settings as
 * metadata. Tensors are read into the current scope; the format is told in {@code
 * oracles/README.md}.
 */
public final class GoldenFile {
  private final Path path;
  private final Device device;
  private final Map<String, String> metadata;
  private final @Nullable Path lora;
  private final Map<String, Tensor> inputs = new LinkedHashMap<>();
  private final Map<String, Tensor> outputs = new LinkedHashMap<>();

  private GoldenFile(Path path, Device device, Map<String, String> metadata, @Nullable Path lora) {
    this.path = path;
    this.device = device;
    this.metadata = metadata;
    this.lora = lora;
  }

  static GoldenFile read(Path path, Device device) {
    return read(path, null, device);
  }

  /**
   * Reads a file.
   *
   * @param lora the LoRA that it may have been made with; null for the one that it names, beside it
   */
  static GoldenFile read(Path path, @Nullable Path lora, Device device) {
    try (Checkpoint file = Checkpoint.open(path)) {
      String named = file.metadata().get("lora");
      Path used = named == null ? null : lora != null ? lora : path.resolveSibling(named);
      GoldenFile golden = new GoldenFile(path, device, file.metadata(), used);
      for (Map.Entry<String, Tensor> e : TensorFiles.read(file).entrySet()) {
        if (e.getKey().startsWith("input.")) {
          golden.inputs.put(e.getKey().substring("input.".length()), e.getValue());
        } else if (e.getKey().startsWith("output.")) {
          golden.outputs.put(e.getKey().substring("output.".length()), e.getValue());
        }
      }
      if (golden.outputs.isEmpty() || !golden.has("component") || !golden.has("operation")) {
        throw new ModelException(
            path
                + " is no golden file: it needs the metadata component and operation, and tensors"
                + " named input.NAME and output.NAME");
      }
      return golden;
    }
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** The LoRA that it was made with; null if none. */
  @Nullable Path lora() {
    return lora;
  }

  /** A network with the LoRA that the file was made with; itself if that is none. */
  Backbone adapted(Backbone network) {
    return lora == null
        ? network
        : Lora.read(lora, network).over(network, has("lora_scale") ? number("lora_scale") : 1);
  }

  /** Adds the LoRA that the file was made with to a network's weights, if there is one. */
  public void mergeLora(Backbone network) {
    if (lora != null) {
      Lora.read(lora, network).mergeInto(network, has("lora_scale") ? number("lora_scale") : 1);
    }
  }

  /** Whether there is metadata of that name. */
  public boolean has(String key) {
    return metadata.containsKey(key);
  }

  /** Metadata that must be there. */
  public String text(String key) {
    String value = metadata.get(key);
    if (value == null) {
      throw new ModelException(path + ": the golden file lacks the metadata " + key);
    }
    return value;
  }

  /** Metadata that must be a finite number. */
  public double number(String key) {
    try {
      double value = Double.parseDouble(text(key));
      if (Double.isFinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new ModelException(path + ": the metadata " + key + " is no number: " + text(key));
  }

  /** Metadata that must be a whole number. */
  public int integer(String key) {
    double value = number(key);
    if (value != Math.rint(value) || Math.abs(value) > 1e9) {
      throw new ModelException(
          path + ": the metadata " + key + " is no whole number: " + text(key));
    }
    return (int) value;
  }

  /** Metadata that must be a JSON list of texts. */
  public List<String> texts(String key) {
    try {
      List<String> texts = new ArrayList<>();
      for (JsonNode n : JsonConfig.JSON.readTree(text(key))) {
        texts.add(n.asString());
      }
      if (!texts.isEmpty()) {
        return texts;
      }
    } catch (JacksonException e) {
      // told below
    }
    throw new ModelException(path + ": the metadata " + key + " is no list of texts");
  }

  /** Where products were computed in bfloat16, so are ours. */
  public Precision precision() {
    String dtype = has("dtype") ? text("dtype") : "float32";
    return dtype.equals("bfloat16") || dtype.equals("bf16") ? Precision.BF16 : Precision.FLOAT32;
  }

  /** The file's own tolerance, else what the format says. */
  public double tolerance() {
    if (has("tolerance")) {
      return number("tolerance");
    }
    if (precision() == Precision.BF16) {
      return 3e-2;
    }
    String operation = text("operation");
    return operation.equals("backward") || operation.equals("sample") ? 1e-3 : 1e-4;
  }

  /** Whether there is an input of that name. */
  public boolean hasInput(String name) {
    return inputs.containsKey(name);
  }

  /** An input as it is in the file, on the device. */
  public Tensor raw(String name) {
    Tensor value = inputs.get(name);
    if (value == null) {
      throw new ModelException(path + ": the golden file lacks the tensor input." + name);
    }
    return value.to(device);
  }

  /** An input in float32, on the device. */
  public Tensor input(String name) {
    return raw(name).to(DType.FLOAT32);
  }

  /** Captions from features [B, L, D] and a mask [B, L] whose ones come first. */
  public Condition condition(Tensor features, String maskName) {
    Tensor mask = raw(maskName);
    if (mask.rank() != 2
        || features.rank() != 3
        || mask.size(0) != features.size(0)
        || mask.size(1) != features.size(1)) {
      throw new ModelException(
          path + ": the features " + features + " do not fit the mask " + mask);
    }
    double[] ones = mask.to(DType.FLOAT64).to(Device.CPU).contiguous().toDoubles();
    int width = (int) mask.size(1);
    List<Integer> lengths = new ArrayList<>();
    for (int b = 0; b < mask.size(0); b++) {
      int n = 0;
      while (n < width && ones[b * width + n] != 0) {
        n++;
      }
      for (int i = n; i < width; i++) {
        if (ones[b * width + i] != 0) {
          throw new ModelException(
              path + ": input." + maskName + " is no prefix: its ones must come first in each row");
        }
      }
      lengths.add(n);
    }
    return new Condition(features, lengths);
  }

  /** The expected answers by name. */
  public Map<String, Tensor> outputs() {
    return outputs;
  }
}
