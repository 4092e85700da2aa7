package org.peltast.models;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.models.codec.Codecs;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.files.Component;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.SingleFilePart;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TextOutline;
import org.peltast.models.text.TokenFeatures;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Tensor;

/**
 * A family of text-to-image models that share an architecture: the plug by which Z-Image, Lumina 2
 * or SDXL is opened, written, measured, trained and verified. Nothing outside a family's package
 * names its network.
 *
 * <p><b>A new family</b> is one package below {@code org.peltast.models} and one line in {@code
 * META-INF/services/org.peltast.models.ModelFamily}. It provides:
 *
 * <ol>
 *   <li>a {@link Backbone}, the network: {@code read} digests a {@link
 *       org.peltast.diffusion.Condition} once, {@code forward} is called at every step with times
 *       in [0, 1], 0 noise, 1 clean. A network of discrete timesteps converts them by its {@link
 *       org.peltast.diffusion.VariancePreserving} path, which it is opened with, and answers the
 *       prediction of its schedule. Weights have the names of diffusers' checkpoints;
 *   <li>a {@link NetworkRecipe}, the record of a configuration that is trained from nothing, and
 *       {@link #scaled}, one of a given size for benchmarks and for tests that hold for any family;
 *   <li>this interface: classes, schedulers, files, LoRA targets, and the {@link Reference} that
 *       golden files are compared by;
 *   <li>where the standard ones do not do: {@link #openCodec}, {@link #openText}, {@link
 *       #writeText}. A {@link TextEncoder} is the whole text side of a family: it applies its
 *       prompt template (to the empty prompt, which stands for "no condition", as the family's
 *       pipeline does to the empty negative prompt), concatenates the features of several encoders
 *       along D, and hands pooled features on as {@link TokenFeatures#vectors}, which arrive in the
 *       network as {@code Condition.vectors}.
 * </ol>
 *
 * <p><b>How those fit that are here.</b> <i>Lumina 2</i>: {@code transformer}, {@code
 * Lumina2Transformer2DModel}, rectified flow with a static shift; grouped key–value heads and its
 * own rotary positions are inside its blocks; the system prompt is its text encoder's. <i>SDXL</i>:
 * {@code unet}, {@code UNet2DConditionModel}, a scaled-linear variance-preserving path with ε- or
 * v-prediction; a codec of 4 channels; one text encoder made of two (features concatenated to 2048,
 * {@code text_embeds} pooled from the second); {@code time_ids} are a vector of the condition where
 * sizes and crops are known, else the network takes them to be the uncropped size that it draws, 8
 * times its input's. UNets have no patch and {@code multiple()} 1, their cost is counted level by
 * level, and their LoRA targets are {@code to_q}, {@code to_k}, {@code to_v}, {@code to_out.0}.
 *
 * <p>Families are stateless and safe for use by several threads.
 */
public interface ModelFamily {
  /** The family's name in recipes, lower case with hyphens: {@code z-image}. */
  String id();

  /** The pipeline's class in {@code model_index.json}. */
  String pipelineClass();

  /** The component that is the network: {@code transformer} or {@code unet}. */
  String networkComponent();

  /** The network's class, in {@code model_index.json} and its {@code config.json}. */
  String networkClass();

  /**
   * The library that {@code model_index.json} says the network's class is from; {@code diffusers}
   * for those that load there unchanged.
   */
  default String networkLibrary() {
    return "diffusers";
  }

  /**
   * The schedulers' classes that fit its networks, which decide noise path and prediction; the
   * first is the one that is written.
   */
  List<String> schedulers();

  /**
   * What the family's pipeline takes for the length of an image's sequence where its scheduler
   * shifts dynamically: by how many tokens of 2 × 2 latents, unless a family says otherwise.
   *
   * @param channels of the latents
   * @param height of the latents
   * @param width of the latents
   */
  default double shiftLength(int channels, int height, int width) {
    int rows = height / 2;
    int columns = width / 2;
    return (double) rows * columns;
  }

  /** What its undistilled models are drawn with unless told otherwise. */
  default Guidance guidance() {
    return new Guidance(5);
  }

  /**
   * Opens a network: its configuration and its weights, single or in shards, under diffusers' names
   * or those of another tool ({@link org.peltast.models.files.KeyMap}).
   *
   * @param network its configuration and which checkpoint has its weights
   * @param schedule of the model; it decides what the network predicts
   * @param patch the patch size to use where the weights serve several; 0 for the first
   * @throws ModelException if configuration or weights are missing, malformed or do not fit
   */
  Backbone open(
      Component network, NoiseSchedule schedule, int patch, Device device, Precision precision);

  /**
   * Writes a network as {@link #open} and diffusers read it.
   *
   * @param folder empty
   * @param network one of this family's
   * @param weights by name: its own, or those of a moving average
   * @param dtype to store them in, FLOAT32 or BFLOAT16
   */
  void write(Path folder, Backbone network, Map<String, Tensor> weights, DType dtype)
      throws IOException;

  /** The configuration that a recipe starts from which names this family and nothing else. */
  NetworkRecipe recipe();

  /**
   * A configuration of a given size on {@link #recipe}'s codec.
   *
   * @throws ModelException if the family has none of that size
   */
  NetworkRecipe scaled(Scale scale);

  /**
   * A size that any family can be configured to.
   *
   * @param width of a token, or of a UNet's first level
   * @param layers blocks of the trunk
   * @param heads of attention
   * @param latentEdge rows and columns of the latents to be drawn
   * @param captionTokens tokens of the captions to be read
   */
  record Scale(int width, int layers, int heads, int latentEdge, int captionTokens) {}

  /**
   * The modules that a LoRA adapts unless told otherwise, as suffixes of their names: those of the
   * parameters without {@code .weight}. In files they stand behind {@link #networkComponent}.
   */
  List<String> loraTargets();

  /** Under which names ComfyUI finds the layers of a LoRA of the family. */
  default LoraNames loraNames() {
    return LoraNames.OWN;
  }

  /** Names of a LoRA's layers in ComfyUI's files. */
  enum LoraNames {
    /** {@code diffusion_model.} and the layer's own name. */
    OWN,
    /** {@code diffusion_model.} and the original checkpoint's name. */
    ORIGINAL,
    /** {@code lora_unet_} and the original checkpoint's name, with underscores for dots. */
    KOHYA
  }

  /**
   * The tensors of a network in a single file of the original code, which is ComfyUI's too, without
   * what stands before all names; they hold every parameter once. Empty if there is no such form.
   *
   * @param parameters the names of all weights of the network
   */
  default List<ForeignTensor> singleFile(List<String> parameters) {
    return List.of();
  }

  /**
   * The components that a single file for ComfyUI holds: the network alone where ComfyUI loads it
   * apart from text encoder and autoencoder. Empty if there is no such form.
   */
  default List<SingleFilePart> singleFileParts() {
    return List.of(new SingleFilePart(networkComponent(), "", this::singleFile));
  }

  /** Why no network of the family is computed by fused kernels here; null if there are some. */
  @Nullable String obstacleToFusion(Device device, Precision precision);

  /** How the reference implementation's golden files are computed here. */
  Reference reference();

  /** Opens the codec, normalisation included, from the component {@code vae}. */
  default NormalisedCodec openCodec(Component vae, Device device) {
    return Codecs.load(vae, device);
  }

  /**
   * The text side of a model, to be opened when it is first needed; what can be checked without
   * opening it is checked at once.
   *
   * @param source the model's folder, and which of its files
   * @param index its {@code model_index.json}
   * @param device to encode on
   * @param precision of products, for encoders that have several
   */
  default Supplier<TextEncoder> openText(
      ModelSource source, JsonConfig index, Device device, Precision precision) {
    return TextEncoders.open(source, index, device, precision);
  }

  /**
   * What the text side of a model takes, by its configuration alone.
   *
   * @param folder of the model
   * @param index its {@code model_index.json}
   * @param precision of products, for encoders that have several
   */
  default TextOutline outlineText(Path folder, JsonConfig index, Precision precision) {
    return TextEncoders.outline(folder, index, precision);
  }

  /**
   * Writes the text side into a model's folder.
   *
   * @return the components' classes for {@code model_index.json}, each (library, class)
   */
  default Map<String, List<@Nullable String>> writeText(Path folder, TextEncoder encoder)
      throws IOException {
    return TextEncoders.write(folder, encoder);
  }

  /** Settings of the pipeline for {@code model_index.json} that the text side decides, by key. */
  default Map<String, Boolean> indexSettings(TextEncoder encoder) {
    return Map.of();
  }

  /** How golden files of the family's reference implementation are computed. */
  interface Reference {
    /** The inputs of a network's golden file through which gradients flow. */
    List<String> leaves();

    /**
     * The network's answer to a golden file.
     *
     * @param leaves the inputs of these names, in float32
     */
    Tensor forward(Backbone network, GoldenFile golden, Map<String, Tensor> leaves);

    /**
     * What the reference's pipeline draws, with its own conventions of guidance.
     *
     * @param folder of the model
     * @return outputs by name
     */
    Map<String, Tensor> sample(Path folder, GoldenFile golden, Device device);

    /**
     * What the reference's pipeline makes of the prompts in the golden file's metadata.
     *
     * @param folder of the model
     * @return outputs by name; nothing if that is not computed here
     */
    default Map<String, Tensor> encode(Path folder, GoldenFile golden) {
      return Map.of();
    }
  }
}
