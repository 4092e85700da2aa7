package org.peltast.models.lumina2;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Guidance;
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

/** Lumina-Image 2.0 (Alpha-VLLM, 2025): a single-stream transformer trained by rectified flow. */
public final class Lumina2Family implements ModelFamily {
  static final Lumina2Family INSTANCE = new Lumina2Family();

  /** What its pipeline draws with unless told otherwise. */
  static final Guidance GUIDANCE = new Guidance(4, Guidance.Rescale.ROWS, Guidance.Truncation.NONE);

  /** For the service loader; families have no state. */
  public Lumina2Family() {}

  @Override
  public String id() {
    return "lumina2";
  }

  @Override
  public String pipelineClass() {
    return "Lumina2Pipeline";
  }

  @Override
  public String networkComponent() {
    return "transformer";
  }

  @Override
  public String networkClass() {
    return Lumina2Files.CLASS;
  }

  @Override
  public List<String> schedulers() {
    return List.of(Schedulers.FLOW_EULER);
  }

  /** The reference pipeline takes the number of channels for the sequence's length. */
  @Override
  public double shiftLength(int channels, int height, int width) {
    return channels;
  }

  @Override
  public Guidance guidance() {
    return GUIDANCE;
  }

  @Override
  public Backbone open(
      Component network, NoiseSchedule schedule, int patch, Device device, Precision precision) {
    return Lumina2Files.load(network, device, precision);
  }

  @Override
  public void write(Path folder, Backbone network, Map<String, Tensor> weights, DType dtype)
      throws IOException {
    if (!(network instanceof Lumina2Transformer transformer)) {
      throw new ModelException(
          "a " + network.family().id() + " network is no Lumina 2 transformer");
    }
    JsonConfig.write(folder.resolve("config.json"), Lumina2Files.json(transformer.config()));
    Weights.write(folder, weights, dtype);
  }

  @Override
  public Lumina2Recipe recipe() {
    return Lumina2Recipe.defaults();
  }

  @Override
  public Lumina2Recipe scaled(Scale scale) {
    return Lumina2Recipe.scaled(scale);
  }

  @Override
  public List<String> loraTargets() {
    return List.of("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0");
  }

  @Override
  public LoraNames loraNames() {
    return LoraNames.ORIGINAL;
  }

  @Override
  public List<ForeignTensor> singleFile(List<String> parameters) {
    return Lumina2Keys.of(parameters);
  }

  @Override
  public @Nullable String obstacleToFusion(Device device, Precision precision) {
    return FusedBlocks.obstacle(device, precision.products(), Fused.width(), Fused.width());
  }

  @Override
  public Reference reference() {
    return new Lumina2Reference();
  }
}
