package org.peltast.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.DiffusionException;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.TimeShift;
import org.peltast.models.zimage.ZImageConfig;
import org.peltast.models.zimage.ZImageTransformer;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model on disk, in the directory layout of diffusers:
 *
 * <pre>
 *   model_index.json                   which class each component is
 *   scheduler/scheduler_config.json    FlowMatchEulerDiscreteScheduler: the shift
 *   transformer/config.json            ZImageTransformer2DModel, loads into diffusers unchanged
 *   transformer/*.safetensors          its weights, one file or shards with an index
 *   vae/config.json                    the codec and its normalisation
 *   text_encoder/config.json           the text encoder's id; its weights come with the project
 *   peltast.json                       size, steps, guidance, sampler, precision, provenance
 * </pre>
 *
 * <p>A folder without {@code peltast.json} or text encoder opens too; it then has the settings of
 * an undistilled model, and no prompts can be read.
 */
public final class ModelFolder {
  private static final String INDEX = "model_index.json";
  private static final String EXTRAS = "peltast.json";
  private static final List<String> EXTRA_KEYS =
      List.of(
          "height",
          "width",
          "steps",
          "grid",
          "guidance",
          "sampler",
          "patch",
          "precision",
          "provenance");
  private static final List<String> COMPONENTS =
      List.of(INDEX, EXTRAS, "scheduler", "transformer", "vae", "text_encoder");
  private static final String SCHEDULER = "FlowMatchEulerDiscreteScheduler";
  private static final String MINILM = "MiniLmEncoder";
  private static final int TRAIN_TIMESTEPS = 1000;
  private static final int DEFAULT_STEPS = 50;
  private static final double DEFAULT_GUIDANCE = 5;
  private static final int DEFAULT_SIZE = 1024;

  private ModelFolder() {}

  /** Opens a model on the CPU in the precision that its folder asks for. */
  public static TextToImage open(Path folder) {
    return open(folder, Device.CPU, null);
  }

  /**
   * Opens a model: reads and checks everything but the text encoder, which is opened when first
   * needed.
   *
   * @param precision of products; null for what the folder asks for
   * @throws ModelException if the folder is none, or anything in it is missing, malformed, of an
   *     unknown class, or does not fit the rest
   */
  public static TextToImage open(Path folder, Device device, @Nullable Precision precision) {
    JsonConfig index = index(folder);
    requireClass(index, "scheduler", List.of(SCHEDULER));
    TimeShift shift = shift(folder);
    requireClass(index, "transformer", List.of(ZImageFiles.CLASS));
    requireClass(index, "vae", Codecs.CLASSES);
    Supplier<TextEncoder> encoder = textEncoder(folder, index);
    JsonConfig extras =
        Files.exists(folder.resolve(EXTRAS)) ? JsonConfig.read(folder.resolve(EXTRAS)) : null;
    if (extras != null) {
      extras.requireOnly(EXTRA_KEYS);
    }
    int patch = extras == null ? 0 : extras.integer("patch", 0);
    Precision p = precision != null ? precision : precision(extras, device);
    ZImageTransformer network = ZImageFiles.load(folder.resolve("transformer"), patch, device, p);
    NormalisedCodec codec = null;
    try {
      codec = Codecs.load(folder.resolve("vae"), device);
      GenerationSettings settings = settings(extras, network, codec);
      return TextToImage.owning(network, shift, codec, encoder, settings, provenance(extras));
    } catch (RuntimeException e) {
      network.close();
      if (codec != null) {
        codec.close();
      }
      throw e;
    }
  }

  /** The classes of a folder's components; its first sign of being a model folder. */
  static JsonConfig index(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new ModelException(
          folder
              + (Files.exists(folder) ? " is not a folder" : " does not exist")
              + "; name a model folder, one that holds "
              + INDEX);
    }
    if (!Files.exists(folder.resolve(INDEX))) {
      throw new ModelException(
          folder
              + " is no model folder: it holds no "
              + INDEX
              + "; name the folder above transformer/ and vae/");
    }
    return JsonConfig.read(folder.resolve(INDEX));
  }

  /** The class of a component in {@code model_index.json}, or null if the model has none. */
  static @Nullable String componentClass(JsonConfig index, String component) {
    List<@Nullable String> entry = index.strings(component);
    return entry.size() == 2 ? entry.get(1) : null;
  }

  private static void requireClass(JsonConfig index, String component, List<String> supported) {
    String name = componentClass(index, component);
    if (name == null || !supported.contains(name)) {
      throw new ModelException(
          index.file()
              + ": the "
              + component
              + (name == null ? " is missing" : " is of class " + name)
              + "; supported is "
              + String.join(" or ", supported));
    }
  }

  /** The shift of the folder's flow-matching scheduler. */
  static TimeShift shift(Path folder) {
    JsonConfig json = JsonConfig.read(folder.resolve("scheduler").resolve("scheduler_config.json"));
    String name = json.string("_class_name", SCHEDULER);
    if (!name.equals(SCHEDULER)) {
      throw new ModelException(
          json.file() + ": _class_name is " + name + "; the scheduler supported is " + SCHEDULER);
    }
    for (String option :
        List.of(
            "use_dynamic_shifting",
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "invert_sigmas",
            "stochastic_sampling")) {
      if (json.bool(option, false)) {
        throw new ModelException(
            json.file()
                + ": "
                + option
                + " is true, which is not supported; only a static shift is");
      }
    }
    if (json.has("shift_terminal")) {
      throw new ModelException(json.file() + ": shift_terminal is set, which is not supported");
    }
    if (json.integer("num_train_timesteps", TRAIN_TIMESTEPS) < 1) {
      throw new ModelException(json.file() + ": num_train_timesteps must be positive");
    }
    return inFile(json, () -> new TimeShift(json.number("shift", 1.0)));
  }

  private static Supplier<TextEncoder> textEncoder(Path folder, JsonConfig index) {
    String name = componentClass(index, "text_encoder");
    if (name == null) {
      return () -> {
        throw new ModelException(folder + " has no text encoder, so it cannot read prompts");
      };
    }
    if (!name.equals(MINILM)) {
      throw new ModelException(
          index.file() + ": the text_encoder is of class " + name + "; supported is " + MINILM);
    }
    JsonConfig json = JsonConfig.read(folder.resolve("text_encoder").resolve("config.json"));
    String id = json.string("id");
    int tokens = json.integer("max_tokens", MiniLmEncoder.DEFAULT_MAX_TOKENS);
    if (tokens < 3 || tokens > 512) {
      throw new ModelException(json.file() + ": max_tokens must be 3 to 512, but is " + tokens);
    }
    return () -> {
      TextEncoder encoder = new MiniLmEncoder(tokens);
      if (!encoder.id().equals(id)) {
        encoder.close();
        throw new ModelException(
            json.file()
                + ": the model was trained with the text encoder "
                + id
                + ", but this build has "
                + encoder.id()
                + "; use the version of Peltast that wrote the model");
      }
      return encoder;
    };
  }

  private static Precision precision(@Nullable JsonConfig extras, Device device) {
    if (extras == null) {
      return Precision.auto(device);
    }
    String name = extras.string("precision", "auto");
    if (!List.of("auto", "float32", "bf16").contains(name)) {
      throw new ModelException(
          extras.file() + ": precision must be float32, bf16 or auto, but is " + name);
    }
    return Precision.parse(name, device);
  }

  private static GenerationSettings settings(
      @Nullable JsonConfig json, ZImageTransformer network, Codec codec) {
    ZImageConfig c = network.config();
    int unit = codec.factor() * network.patch();
    int height = Math.min(DEFAULT_SIZE / unit, c.axesLens().get(1)) * unit;
    int width = Math.min(DEFAULT_SIZE / unit, c.axesLens().get(2)) * unit;
    if (json == null) {
      return new GenerationSettings(
          height,
          width,
          StepGrid.uniform(DEFAULT_STEPS),
          new Guidance(DEFAULT_GUIDANCE),
          GenerationSettings.sampler("euler"));
    }
    return inFile(
        json,
        () -> {
          double[] grid =
              json.numbers("grid", List.of()).stream().mapToDouble(Double::doubleValue).toArray();
          return new GenerationSettings(
              json.integer("height", height),
              json.integer("width", width),
              grid.length > 0
                  ? StepGrid.of(grid)
                  : StepGrid.uniform(json.integer("steps", DEFAULT_STEPS)),
              new Guidance(json.number("guidance", DEFAULT_GUIDANCE)),
              GenerationSettings.sampler(json.string("sampler", "euler")));
        });
  }

  private static Map<String, String> provenance(@Nullable JsonConfig json) {
    Map<String, String> entries = new TreeMap<>();
    if (json != null) {
      for (Map.Entry<String, JsonNode> e : json.object("provenance").properties()) {
        entries.put(
            e.getKey(),
            e.getValue().isString() ? e.getValue().stringValue() : e.getValue().toString());
      }
    }
    return entries;
  }

  /** Values that a file asks for, refused in a sentence that names the file. */
  private static <T> T inFile(JsonConfig json, Supplier<T> body) {
    try {
      return body.get();
    } catch (ModelException | DiffusionException e) {
      String message = String.valueOf(e.getMessage());
      if (message.startsWith(json.file().toString())) {
        throw e;
      }
      throw new ModelException(json.file() + ": " + message, e);
    }
  }

  // ------------------------------------------------------------------ writing

  /** Writes a model with its network's own weights; see the other method. */
  public static void write(Path folder, TextToImage model, DType dtype) {
    write(folder, model, model.network().parameters().values(), dtype);
  }

  /**
   * Writes a model: into a folder beside the target, then renamed, so that the target is the old
   * model or the new one, whole. An older model of that name is replaced; other files in its folder
   * (a model card) are kept.
   *
   * @param weights of the network, by name: those of a moving average, say
   * @param dtype in which to store them, FLOAT32 or BFLOAT16
   * @throws ModelException if the target is something else than a model folder, a weight is not
   *     finite, or the disk refuses
   */
  public static void write(
      Path folder, TextToImage model, Map<String, Tensor> weights, DType dtype) {
    if (dtype != DType.FLOAT32 && dtype != DType.BFLOAT16) {
      throw new ModelException("weights are exported as FLOAT32 or BFLOAT16, not as " + dtype);
    }
    Path target = folder.toAbsolutePath().normalize();
    requireReplaceable(target);
    Weights.requireFinite(weights);
    Path fresh = sibling(target, "new");
    sweep(target);
    try {
      Files.createDirectories(fresh);
      fill(fresh, model, weights, dtype);
      replace(target, fresh);
    } catch (IOException e) {
      throw new ModelException(folder + " cannot be written (" + e.getMessage() + ")", e);
    } finally {
      delete(fresh);
    }
  }

  /**
   * Puts away what a killed process left beside the target: the half-written model, and the old one
   * if the kill fell between the two renames that replace it.
   */
  private static void sweep(Path target) {
    Pattern ours =
        Pattern.compile(
            "\\."
                + Pattern.quote(String.valueOf(target.getFileName()))
                + "\\.(new|old)-(\\d{1,18})");
    Path parent = target.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      return;
    }
    try (Stream<Path> list = Files.list(parent)) {
      for (Path left : list.toList()) {
        Matcher name = ours.matcher(String.valueOf(left.getFileName()));
        if (!name.matches() || ProcessHandle.of(Long.parseLong(name.group(2))).isPresent()) {
          continue;
        }
        if (name.group(1).equals("old") && !Files.exists(target)) {
          Files.move(left, target, StandardCopyOption.ATOMIC_MOVE);
        } else {
          delete(left);
        }
      }
    } catch (IOException e) {
      throw new ModelException(parent + " cannot be read (" + e.getMessage() + ")", e);
    }
  }

  private static Path sibling(Path target, String what) {
    String name = "." + target.getFileName() + "." + what + "-" + ProcessHandle.current().pid();
    return target.resolveSibling(name);
  }

  private static void requireReplaceable(Path target) {
    if (target.getFileName() == null) {
      throw new ModelException("a model cannot be written to " + target + "; name a folder in it");
    }
    if (!Files.exists(target)) {
      return;
    }
    if (!Files.isDirectory(target)) {
      throw new ModelException(target + " is a file; name a folder for the model");
    }
    if (Files.exists(target.resolve(INDEX))) {
      return;
    }
    try (Stream<Path> list = Files.list(target)) {
      if (list.findAny().isPresent()) {
        throw new ModelException(
            target + " holds other things than a model; name a new folder for it");
      }
    } catch (IOException e) {
      throw new ModelException(target + " cannot be read (" + e.getMessage() + ")", e);
    }
  }

  private static void replace(Path target, Path fresh) throws IOException {
    if (!Files.exists(target)) {
      Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    try (Stream<Path> list = Files.list(target)) {
      for (Path other : list.toList()) {
        String name = String.valueOf(other.getFileName());
        if (!COMPONENTS.contains(name)) {
          copy(other, fresh.resolve(name));
        }
      }
    }
    Path old = sibling(target, "old");
    Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
    try {
      Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
      throw e;
    }
    delete(old);
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> walk = Files.walk(from)) {
      for (Path p : walk.toList()) {
        Files.copy(p, to.resolve(from.relativize(p).toString()));
      }
    }
  }

  private static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      List<Path> all = new ArrayList<>(walk.toList());
      java.util.Collections.reverse(all);
      for (Path p : all) {
        Files.deleteIfExists(p);
      }
    } catch (IOException e) {
      throw new ModelException(folder + " cannot be removed (" + e.getMessage() + ")", e);
    }
  }

  private static void fill(Path folder, TextToImage model, Map<String, Tensor> weights, DType dtype)
      throws IOException {
    TextEncoder encoder = model.textEncoder();
    ObjectNode index = JsonConfig.JSON.createObjectNode();
    index.put("_class_name", "ZImagePipeline");
    index.putArray("scheduler").add("diffusers").add(SCHEDULER);
    index.putArray("text_encoder").add("peltast").add(MINILM);
    index.putArray("tokenizer").addNull().addNull();
    index.putArray("transformer").add("diffusers").add(ZImageFiles.CLASS);
    index.putArray("vae").add(Codecs.library(model.codec())).add(Codecs.className(model.codec()));
    JsonConfig.write(folder.resolve(INDEX), index);

    ObjectNode scheduler = JsonConfig.JSON.createObjectNode();
    scheduler.put("_class_name", SCHEDULER);
    scheduler.put("num_train_timesteps", TRAIN_TIMESTEPS);
    scheduler.put("shift", model.denoiser().shift().factor());
    scheduler.put("use_dynamic_shifting", false);
    JsonConfig.write(
        Files.createDirectory(folder.resolve("scheduler")).resolve("scheduler_config.json"),
        scheduler);

    Path transformer = Files.createDirectory(folder.resolve("transformer"));
    JsonConfig.write(
        transformer.resolve("config.json"), ZImageFiles.json(model.network().config()));
    Weights.write(transformer, weights, dtype);

    Codecs.write(Files.createDirectory(folder.resolve("vae")), model.codec());

    ObjectNode text = JsonConfig.JSON.createObjectNode();
    text.put("_class_name", MINILM);
    text.put("id", encoder.id());
    text.put("max_tokens", encoder.maxTokens());
    JsonConfig.write(
        Files.createDirectory(folder.resolve("text_encoder")).resolve("config.json"), text);

    JsonConfig.write(folder.resolve(EXTRAS), extras(model));
  }

  private static ObjectNode extras(TextToImage model) {
    GenerationSettings s = model.defaults();
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("height", s.height());
    json.put("width", s.width());
    if (s.grid().equals(StepGrid.uniform(s.grid().size()))) {
      json.put("steps", s.grid().size());
    } else {
      ArrayNode grid = json.putArray("grid");
      for (int k = 0; k < s.grid().size(); k++) {
        grid.add(s.grid().time(k));
      }
    }
    json.put("guidance", s.guidance().alpha());
    json.put("sampler", GenerationSettings.name(s.sampler()));
    json.put("patch", model.network().patch());
    json.put("precision", "auto");
    ObjectNode provenance = json.putObject("provenance");
    new TreeMap<>(model.provenance()).forEach(provenance::put);
    return json;
  }
}
