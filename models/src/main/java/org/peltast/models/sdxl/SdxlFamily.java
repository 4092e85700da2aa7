package org.peltast.models.sdxl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.models.Backbone;
import org.peltast.models.ModelException;
import org.peltast.models.ModelFamily;
import org.peltast.models.ModelSource;
import org.peltast.models.Schedulers;
import org.peltast.models.codec.AutoencoderKl;
import org.peltast.models.files.Component;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.LinkedFiles;
import org.peltast.models.files.SingleFileKeys;
import org.peltast.models.files.SingleFilePart;
import org.peltast.models.files.Weights;
import org.peltast.models.text.ClipTextModel;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TextOutline;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/**
 * Stable Diffusion XL (Podell et al., 2023): a UNet that predicts noise on a variance-preserving
 * path, read by two CLIP text encoders.
 */
public final class SdxlFamily implements ModelFamily {
  static final SdxlFamily INSTANCE = new SdxlFamily();

  static final String NO_KERNELS = "there are no fused kernels for UNets";

  /** Pixels to a latent in each direction, where no codec lies beside the network. */
  static final int FACTOR = 8;

  private static final String ZEROS_FOR_EMPTY = "force_zeros_for_empty_prompt";

  /** For the service loader; families have no state. */
  public SdxlFamily() {}

  @Override
  public String id() {
    return "sdxl";
  }

  @Override
  public String pipelineClass() {
    return "StableDiffusionXLPipeline";
  }

  @Override
  public String networkComponent() {
    return "unet";
  }

  @Override
  public String networkClass() {
    return UNetConfig.CLASS;
  }

  @Override
  public List<String> schedulers() {
    return Schedulers.VARIANCE_PRESERVING;
  }

  @Override
  public Backbone open(
      Component component, NoiseSchedule schedule, int patch, Device device, Precision precision) {
    JsonConfig json = JsonConfig.read(component.config());
    String name = json.string("_class_name", UNetConfig.CLASS);
    if (!name.equals(UNetConfig.CLASS)) {
      throw new ModelException(
          json.file() + ": _class_name is " + name + "; the UNet supported is " + UNetConfig.CLASS);
    }
    UNetConfig config = UNetConfig.read(json);
    Weights.requirePlausible(json, component, device, config.described());
    Parameters parameters = Parameters.on(device, precision, component.kept());
    try {
      SdxlUNet network = new SdxlUNet(config, schedule, factor(component.folder()), parameters);
      Weights.load(
          component, parameters, SingleFileKeys.dialects(singleFile(parameters.names()), Set.of()));
      return network;
    } catch (RuntimeException e) {
      parameters.close();
      throw e;
    }
  }

  /** Of the codec beside a network, by which size ids are in pixels. */
  private static int factor(Path folder) {
    Path codec = folder.resolveSibling("vae").resolve("config.json");
    if (!Files.exists(codec)) {
      return FACTOR;
    }
    int levels = JsonConfig.read(codec).integers("block_out_channels", List.of()).size();
    return levels == 0 ? FACTOR : 1 << (levels - 1);
  }

  @Override
  public void write(Path folder, Backbone network, Map<String, Tensor> weights, DType dtype)
      throws IOException {
    if (!(network instanceof SdxlUNet unet)) {
      throw new ModelException("a " + network.family().id() + " network is no SDXL UNet");
    }
    JsonConfig.write(folder.resolve("config.json"), unet.config().json());
    Weights.write(folder, weights, dtype);
  }

  @Override
  public Supplier<TextEncoder> openText(
      ModelSource source, JsonConfig index, Device device, Precision precision) {
    List<@Nullable String> entry = index.strings("text_encoder");
    if (entry.size() != 2 || !ClipTextModel.CLASSES.get(0).equals(entry.get(1))) {
      return ModelFamily.super.openText(source, index, device, precision);
    }
    List<@Nullable String> other = index.strings("text_encoder_2");
    if (other.size() != 2 || !ClipTextModel.CLASSES.get(1).equals(other.get(1))) {
      throw new ModelException(
          index.file()
              + ": the text_encoder_2 is "
              + index.text("text_encoder_2")
              + "; supported is "
              + ClipTextModel.CLASSES.get(1));
    }
    SdxlTextEncoder encoder = new SdxlTextEncoder(source, index.bool(ZEROS_FOR_EMPTY, true));
    return () -> encoder;
  }

  @Override
  public TextOutline outlineText(Path folder, JsonConfig index, Precision precision) {
    List<@Nullable String> entry = index.strings("text_encoder");
    return entry.size() == 2 && ClipTextModel.CLASSES.get(0).equals(entry.get(1))
        ? SdxlTextEncoder.outline(folder)
        : ModelFamily.super.outlineText(folder, index, precision);
  }

  @Override
  public Map<String, List<@Nullable String>> writeText(Path folder, TextEncoder encoder)
      throws IOException {
    if (!(encoder instanceof SdxlTextEncoder sdxl)) {
      return ModelFamily.super.writeText(folder, encoder);
    }
    for (String component : SdxlTextEncoder.COMPONENTS) {
      LinkedFiles.put(sdxl.source().component(component).files(), folder.resolve(component));
    }
    return Map.of(
        "text_encoder", List.of("transformers", ClipTextModel.CLASSES.get(0)),
        "text_encoder_2", List.of("transformers", ClipTextModel.CLASSES.get(1)),
        "tokenizer", List.of("transformers", "CLIPTokenizer"),
        "tokenizer_2", List.of("transformers", "CLIPTokenizer"));
  }

  @Override
  public Map<String, Boolean> indexSettings(TextEncoder encoder) {
    return encoder instanceof SdxlTextEncoder sdxl
        ? Map.of(ZEROS_FOR_EMPTY, sdxl.zerosForEmpty())
        : Map.of();
  }

  @Override
  public SdxlRecipe recipe() {
    return SdxlRecipe.defaults();
  }

  @Override
  public SdxlRecipe scaled(Scale scale) {
    return SdxlRecipe.scaled(scale);
  }

  @Override
  public List<String> loraTargets() {
    return List.of("to_q", "to_k", "to_v", "to_out.0");
  }

  @Override
  public LoraNames loraNames() {
    return LoraNames.KOHYA;
  }

  @Override
  public List<ForeignTensor> singleFile(List<String> parameters) {
    return UNetKeys.of(parameters);
  }

  @Override
  public List<SingleFilePart> singleFileParts() {
    return List.of(
        new SingleFilePart("unet", "model.diffusion_model.", this::singleFile),
        new SingleFilePart("vae", "first_stage_model.", AutoencoderKl::singleFile),
        new SingleFilePart(
            "text_encoder", "conditioner.embedders.0.transformer.", ClipKeys::transformers),
        new SingleFilePart("text_encoder_2", "conditioner.embedders.1.model.", ClipKeys::openClip));
  }

  @Override
  public @Nullable String obstacleToFusion(Device device, Precision precision) {
    return NO_KERNELS;
  }

  @Override
  public Reference reference() {
    return new SdxlReference();
  }
}
