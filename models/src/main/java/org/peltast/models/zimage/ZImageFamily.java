package org.peltast.models.zimage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.models.Backbone;
import org.peltast.models.ModelException;
import org.peltast.models.ModelFamily;
import org.peltast.models.Schedulers;
import org.peltast.models.files.Component;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.Weights;
import org.peltast.models.nextdit.fused.FusedBlocks;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Fused;

/** Z-Image (Tongyi-MAI, 2025): a single-stream transformer trained by rectified flow. */
public final class ZImageFamily implements ModelFamily {
  static final ZImageFamily INSTANCE = new ZImageFamily();

  /** For the service loader; families have no state. */
  public ZImageFamily() {}

  @Override
  public String id() {
    return "z-image";
  }

  @Override
  public String pipelineClass() {
    return "ZImagePipeline";
  }

  @Override
  public String networkComponent() {
    return "transformer";
  }

  @Override
  public String networkClass() {
    return ZImageFiles.CLASS;
  }

  @Override
  public List<String> schedulers() {
    return List.of(Schedulers.FLOW_EULER);
  }

  @Override
  public Backbone open(
      Component network, NoiseSchedule schedule, int patch, Device device, Precision precision) {
    return ZImageFiles.load(network, patch, device, precision);
  }

  @Override
  public void write(Path folder, Backbone network, Map<String, Tensor> weights, DType dtype)
      throws IOException {
    if (!(network instanceof ZImageTransformer transformer)) {
      throw new ModelException("a " + network.family().id() + " network is no Z-Image transformer");
    }
    JsonConfig.write(folder.resolve("config.json"), ZImageFiles.json(transformer.config()));
    Weights.write(folder, weights, dtype);
  }

  @Override
  public ZImageRecipe recipe() {
    return ZImageRecipe.defaults();
  }

  @Override
  public ZImageRecipe scaled(Scale scale) {
    return ZImageRecipe.scaled(scale);
  }

  @Override
  public List<String> loraTargets() {
    return List.of("attention.to_q", "attention.to_k", "attention.to_v", "attention.to_out.0");
  }

  @Override
  public List<ForeignTensor> singleFile(List<String> parameters) {
    return ZImageKeys.of(parameters);
  }

  @Override
  public @Nullable String obstacleToFusion(Device device, Precision precision) {
    return FusedBlocks.obstacle(device, precision.products(), Fused.width(), Fused.width());
  }

  @Override
  public Reference reference() {
    return new ZImageReference();
  }
}
