package org.peltast.models.toy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.models.Backbone;
import org.peltast.models.GoldenFile;
import org.peltast.models.ModelException;
import org.peltast.models.ModelFamily;
import org.peltast.models.ModelSource;
import org.peltast.models.Schedulers;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.Weights;
import org.peltast.models.text.TextEncoder;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.node.ObjectNode;

/**
 * A second family, unlike Z-Image in all that a plug decides: a {@code unet}, ε-prediction on a
 * variance-preserving path, pooled vectors, a text encoder of its own.
 */
public final class ToyFamily implements ModelFamily {
  private static final String CLASS = "ToyUNet";

  /** For the service loader. */
  public ToyFamily() {}

  @Override
  public String id() {
    return "toy";
  }

  @Override
  public String pipelineClass() {
    return "ToyPipeline";
  }

  @Override
  public String networkComponent() {
    return "unet";
  }

  @Override
  public String networkClass() {
    return CLASS;
  }

  @Override
  public String networkLibrary() {
    return "toys";
  }

  @Override
  public List<String> schedulers() {
    return Schedulers.VARIANCE_PRESERVING;
  }

  @Override
  public Backbone open(
      Component component, NoiseSchedule schedule, int patch, Device device, Precision precision) {
    JsonConfig json = JsonConfig.read(component.config());
    ToyNetwork network =
        new ToyNetwork(
            json.integer("channels", null),
            json.integer("hidden", null),
            json.integer("caption_width", null),
            schedule,
            device,
            precision);
    Weights.load(component.weights(), network.parameters());
    return network;
  }

  @Override
  public void write(Path folder, Backbone network, Map<String, Tensor> weights, DType dtype)
      throws IOException {
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("_class_name", CLASS);
    json.put("channels", network.channels());
    json.put("hidden", ((ToyNetwork) network).hidden());
    json.put("caption_width", network.captionWidth());
    JsonConfig.write(folder.resolve("config.json"), json);
    Weights.write(folder, weights, dtype);
  }

  @Override
  public ToyRecipe recipe() {
    return ToyRecipe.defaults();
  }

  @Override
  public ToyRecipe scaled(Scale scale) {
    return new ToyRecipe("pixels", scale.width());
  }

  @Override
  public List<String> loraTargets() {
    return List.of("in", "out");
  }

  @Override
  public @Nullable String obstacleToFusion(Device device, Precision precision) {
    return "toys have no fused kernels";
  }

  @Override
  public Supplier<TextEncoder> openText(
      ModelSource source, JsonConfig index, Device device, Precision precision) {
    return ToyEncoder::new;
  }

  @Override
  public Map<String, List<@Nullable String>> writeText(Path folder, TextEncoder encoder)
      throws IOException {
    Files.createDirectory(folder.resolve("text_encoder"));
    Files.createDirectory(folder.resolve("text_encoder_2"));
    return Map.of(
        "text_encoder", List.of("toys", "ToyEncoder"),
        "text_encoder_2", List.of("toys", "ToyEncoder"));
  }

  @Override
  public Reference reference() {
    return new Reference() {
      @Override
      public List<String> leaves() {
        return List.of();
      }

      @Override
      public Tensor forward(Backbone network, GoldenFile golden, Map<String, Tensor> leaves) {
        throw new ModelException("toys have no reference");
      }

      @Override
      public Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device) {
        throw new ModelException("toys have no reference");
      }
    };
  }
}
