package org.peltast.models;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.DiffusionException;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.StepSpacing;
import org.peltast.models.codec.Codec;
import org.peltast.models.codec.Codecs;
import org.peltast.models.codec.NormalisedCodec;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TextOutline;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model on disk, in the directory layout of diffusers:
 *
 * <pre>
 *   model_index.json                   which class each component is
 *   scheduler/scheduler_config.json    noise path, prediction type and shift
 *   transformer/config.json            the network, or unet/; loads into diffusers unchanged
 *   transformer/*.safetensors          its weights, one file or shards with an index
 *   vae/config.json                    the codec and its normalisation
 *   text_encoder/                      a language model of transformers, or the id of the text
 *                                      encoder that comes with the project
 *   tokenizer/                         of a language model
 *   pytorch_lora_weights.safetensors   of a student trained as a LoRA, merged above: the LoRA
 *   peltast.json                       size, steps, guidance, sampler, precision, provenance
 * </pre>
 *
 * <p>Which {@link ModelFamily} reads a folder is decided by the class of its network.
 *
 * <p>A folder without {@code peltast.json} or text encoder opens too; it then has the settings of
 * an undistilled model, and no prompts can be read.
 */
public final class ModelFolder {
  private static final String INDEX = "model_index.json";

  /** What a pipeline may have besides its network without drawing otherwise here. */
  private static final String BESIDE_THE_NETWORK =
      "vae|scheduler|(text_encoder|tokenizer)(_\\d)?|feature_extractor|image_encoder|safety_checker";

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

  /** What a model's files are, beside the folders of its components. */
  static final List<String> FILES = List.of(INDEX, EXTRAS);

  /** The folders of all components that there may be. */
  static final List<String> COMPONENT_FOLDERS =
      List.of(
          "scheduler",
          "transformer",
          "unet",
          "vae",
          "text_encoder",
          "text_encoder_2",
          "tokenizer",
          "tokenizer_2");

  /** Bytes of a name that leave room for what stands around it. */
  private static final int LONGEST_STEM = 220;

  /** The dtypes in which weights are written. */
  private static final Set<DType> STORED =
      Collections.unmodifiableSet(EnumSet.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16));

  private static final int DEFAULT_STEPS = 50;
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
    return open(ModelSource.of(folder), device, precision);
  }

  /**
   * Opens a model from chosen files of its folder; see {@link #open(Path, Device, Precision)}. On
   * the meta device configurations are enough: no weights are looked for, and no text encoder.
   *
   * @throws ModelException also if there is no such variant
   */
  public static TextToImage open(ModelSource source, Device device, @Nullable Precision precision) {
    Path folder = source.folder();
    JsonConfig index = index(folder);
    ModelFamily family = family(index);
    source.require(family);
    requireClass(index, "scheduler", family.schedulers());
    NoiseSchedule schedule = schedule(folder, family);
    requireClass(index, "vae", Codecs.CLASSES);
    JsonConfig extras =
        Files.exists(folder.resolve(EXTRAS)) ? JsonConfig.read(folder.resolve(EXTRAS)) : null;
    if (extras != null) {
      extras.requireOnly(EXTRA_KEYS);
    }
    int patch = extras == null ? 0 : extras.integer("patch", 0);
    Precision p = precision != null ? precision : precision(extras, device);
    Supplier<TextEncoder> encoder =
        device.kind() == Device.Kind.META
            ? () -> family.openText(source, index, Device.CPU, p).get()
            : family.openText(source, index, device, p);
    Backbone network = family.open(source.network(family), schedule, patch, device, p);
    NormalisedCodec codec = null;
    try {
      codec = family.openCodec(source.vae(), device);
      StepSpacing spacing = Schedulers.spacing(folder, schedule, family.schedulers());
      int size = size(JsonConfig.read(source.vae().config()));
      GenerationSettings settings = settings(extras, network, schedule, spacing, codec, size);
      return TextToImage.owning(network, schedule, codec, encoder, settings, provenance(extras));
    } catch (RuntimeException e) {
      network.close();
      if (codec != null) {
        codec.close();
      }
      throw e;
    }
  }

  /**
   * What a model's text encoder takes, by its configuration alone.
   *
   * @throws ModelException if the folder names none that runs here
   */
  public static TextOutline text(Path folder, Precision precision) {
    JsonConfig index = index(folder);
    return family(index).outlineText(folder, index, precision);
  }

  /**
   * Whether a model reads its prompts with the text encoder that comes with the project.
   *
   * @throws ModelException if the folder is no model folder
   */
  public static boolean hasOwnText(Path folder) {
    return TextEncoders.isOwn(index(folder));
  }

  /** The family that reads a model's network. */
  static ModelFamily family(JsonConfig index) {
    List<String> components = ModelFamilies.networkComponents();
    for (String component : components) {
      ModelFamily family = ModelFamilies.reading(component, componentClass(index, component));
      if (family != null) {
        requireNoOther(index, component);
        return family;
      }
    }
    String present =
        components.stream()
            .filter(c -> componentClass(index, c) != null)
            .findFirst()
            .orElse(ModelFamilies.standard().networkComponent());
    requireClass(index, present, ModelFamilies.networkClasses(present));
    throw new IllegalStateException(index.file() + ": no family reads " + present);
  }

  /** Refuses components that pictures would be drawn without, such as a second network. */
  private static void requireNoOther(JsonConfig index, String network) {
    for (String name : index.keys()) {
      if (index.node(name).isArray()
          && !name.equals(network)
          && !name.matches(BESIDE_THE_NETWORK)
          && componentClass(index, name) != null) {
        throw new ModelException(
            String.format(
                Locale.ROOT,
                "%s: the component %s (%s) is not supported; take its line away if the model draws without it",
                index.file(),
                name,
                componentClass(index, name)));
      }
    }
  }

  /** The classes of a folder's components; its first sign of being a model folder. */
  static JsonConfig index(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new ModelException(
          folder
              + (Files.exists(folder) ? " is not a folder" : " does not exist")
              + "; name a model folder, one that holds "
              + INDEX
              + (folder.toString().endsWith(".safetensors")
                  ? ", and give a single file as its transformer"
                  : ""));
    }
    if (!Files.exists(folder.resolve(INDEX))) {
      throw new ModelException(
          folder
              + " is no model folder: it holds no "
              + INDEX
              + "; name "
              + snapshot(folder)
                  .map(Path::toString)
                  .orElse("the folder above transformer/ and vae/"));
    }
    return JsonConfig.read(folder.resolve(INDEX));
  }

  /** The model in a repository's folder of Hugging Face's cache: the newest of its snapshots. */
  private static Optional<Path> snapshot(Path folder) {
    try (Stream<Path> all = Files.list(folder.resolve("snapshots"))) {
      return all.filter(path -> Files.exists(path.resolve(INDEX)))
          .max(Comparator.comparing(path -> path.toFile().lastModified()));
    } catch (IOException e) {
      return Optional.empty();
    }
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

  /**
   * Noise path, prediction and shift as a model's scheduler says them.
   *
   * @param folder of the model
   * @param family of its network
   * @throws ModelException naming file and key, if they are not supported, or not by the family
   */
  public static NoiseSchedule schedule(Path folder, ModelFamily family) {
    return Schedulers.read(folder, family.schedulers());
  }

  /** How a model's scheduler lays out steps; its schedule is {@link #schedule}. */
  public static StepSpacing spacing(Path folder, ModelFamily family) {
    return Schedulers.spacing(folder, schedule(folder, family), family.schedulers());
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

  /** The edge of the pictures that a codec was trained on, for networks that do not say theirs. */
  private static int size(JsonConfig vae) {
    return vae.node("sample_size").isInt()
        ? Math.max(1, vae.integer("sample_size", DEFAULT_SIZE))
        : DEFAULT_SIZE;
  }

  private static GenerationSettings settings(
      @Nullable JsonConfig json,
      Backbone network,
      NoiseSchedule schedule,
      StepSpacing spacing,
      Codec codec,
      int size) {
    int unit = codec.factor() * network.multiple();
    boolean trained = network.sampleSize().size() == 2; // it says for what size
    int height =
        trained
            ? network.sampleSize().get(0) * codec.factor()
            : (int) Math.min(Math.max(1, size / unit), network.maxHeight() / network.multiple())
                * unit;
    int width =
        trained
            ? network.sampleSize().get(1) * codec.factor()
            : (int) Math.min(Math.max(1, size / unit), network.maxWidth() / network.multiple())
                * unit;
    GenerationSettings defaults =
        new GenerationSettings(
            height,
            width,
            spacing.grid(DEFAULT_STEPS),
            network.family().guidance(),
            schedule.sampler(),
            spacing);
    return json == null ? defaults : settings(json, defaults);
  }

  /**
   * The settings in a folder, without opening its network.
   *
   * @param steps of a model that does not say
   * @param size of the pictures of one that does not say, in pixels
   */
  static GenerationSettings settings(
      Path folder,
      ModelFamily family,
      NoiseSchedule schedule,
      StepSpacing spacing,
      int steps,
      int size) {
    Path file = folder.resolve(EXTRAS);
    GenerationSettings defaults =
        new GenerationSettings(
            size, size, spacing.grid(steps), family.guidance(), schedule.sampler(), spacing);
    return Files.exists(file) ? settings(JsonConfig.read(file), defaults) : defaults;
  }

  /** The settings that a file asks for, others as by default. */
  private static GenerationSettings settings(JsonConfig json, GenerationSettings defaults) {
    StepSpacing spacing = defaults.spacing();
    return inFile(
        json,
        () -> {
          double[] grid =
              json.numbers("grid", List.of()).stream().mapToDouble(Double::doubleValue).toArray();
          return new GenerationSettings(
              json.integer("height", defaults.height()),
              json.integer("width", defaults.width()),
              grid.length > 0
                  ? StepGrid.of(grid)
                  : json.has("steps") ? spacing.grid(json.integer("steps", null)) : defaults.grid(),
              defaults.guidance().withAlpha(json.number("guidance", defaults.guidance().alpha())),
              GenerationSettings.sampler(
                  json.string("sampler", GenerationSettings.name(defaults.sampler()))),
              spacing);
        });
  }

  /**
   * Where a model's weights come from, without opening it: recipe, seed, versions, inputs; nothing
   * of a folder that does not tell.
   *
   * @throws ModelException if the folder is no model folder
   */
  public static Map<String, String> provenance(Path folder) {
    index(folder);
    Path file = folder.resolve(EXTRAS);
    return provenance(Files.exists(file) ? JsonConfig.read(file) : null);
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

  /**
   * Writes a model with its network's own weights; see the other method. A network with adapters is
   * written with these merged into the weights below them, and they by themselves beside it, as
   * {@link Lora#FILE}, which diffusers loads.
   */
  public static void write(Path folder, TextToImage model, DType dtype) {
    write(folder, model, model.network().parameters().values(), dtype);
  }

  /**
   * Writes a model: into a folder beside the target, then renamed, so that the target is the old
   * model or the new one, whole. An older model of that name is replaced; other files in its folder
   * (a model card) are kept.
   *
   * @param weights of the network, by name: those of a moving average, say; of one with adapters,
   *     theirs
   * @param dtype in which to store them, FLOAT32, FLOAT16 or BFLOAT16
   * @throws ModelException if the target is something else than a model folder, a weight is not
   *     finite or too large for the dtype, or the disk refuses
   */
  public static void write(
      Path folder, TextToImage model, Map<String, Tensor> weights, DType dtype) {
    if (!STORED.contains(dtype)) {
      throw new ModelException("weights are exported as one of " + STORED + ", not as " + dtype);
    }
    Path target = folder.toAbsolutePath().normalize();
    requireReplaceable(target);
    requireFinite(weights, dtype);
    sweep(target);
    Path fresh = fresh(target);
    try (Scope scope = Scope.open()) {
      Files.createDirectories(fresh);
      if (model.network().parameters().isAdapted()) {
        Lora.of(model.network(), weights)
            .writeDiffusers(
                fresh.resolve(Lora.FILE),
                model.network().family(),
                DrawingNote.of(model).metadata());
        fill(fresh, model, Lora.merged(model.network(), weights), dtype);
      } else {
        fill(fresh, model, weights, dtype);
      }
      replace(target, fresh);
    } catch (IOException e) {
      throw new ModelException(folder + " cannot be written (" + e.getMessage() + ")", e);
    } finally {
      delete(fresh);
    }
  }

  /** Refuses weights that a diverged training left behind, or that the dtype cannot hold. */
  private static void requireFinite(Map<String, Tensor> weights, DType dtype) {
    weights.forEach(
        (name, value) -> {
          if (!value.allFinite()) {
            throw new ModelException(
                "the weight "
                    + name
                    + " holds NaN or infinity, so the model is not written; go back to an earlier"
                    + " checkpoint");
          }
          if (dtype == DType.FLOAT16 && !isFiniteAs(dtype, value)) {
            throw new ModelException(
                "the weight "
                    + name
                    + " holds numbers above 65,504, which FLOAT16 cannot; write the model as"
                    + " BFLOAT16 or FLOAT32");
          }
        });
  }

  private static boolean isFiniteAs(DType dtype, Tensor value) {
    try (Scope scope = Scope.open()) {
      return value.to(dtype).allFinite();
    }
  }

  /**
   * Puts away what a killed process left beside the target: the half-written model, and the old one
   * if the kill fell between the two renames that replace it. What bears this process's own id is
   * of another as well, for in a container ids come again.
   */
  static void sweep(Path target) {
    Pattern ours = Pattern.compile(Pattern.quote(stem(target)) + "(new|old)-(\\d{1,18})");
    Path parent = target.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      return;
    }
    try (Stream<Path> list = Files.list(parent)) {
      for (Path left : list.toList()) {
        Matcher name = ours.matcher(String.valueOf(left.getFileName()));
        if (!name.matches() || isOthers(Long.parseLong(name.group(2)))) {
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

  /** Whether there is such a process, and it is not this one. */
  private static boolean isOthers(long pid) {
    return pid != ProcessHandle.current().pid() && ProcessHandle.of(pid).isPresent();
  }

  /** Where a model is written before it takes the target's name; {@link #sweep} first. */
  static Path fresh(Path target) {
    return sibling(target, "new");
  }

  private static Path sibling(Path target, String what) {
    String name = stem(target) + what + "-" + ProcessHandle.current().pid();
    return target.resolveSibling(name);
  }

  /** How the names of what lies beside a target for a moment begin; the longest are cut to fit. */
  private static String stem(Path target) {
    String name = String.valueOf(target.getFileName());
    return name.getBytes(StandardCharsets.UTF_8).length <= LONGEST_STEM
        ? "." + name + "."
        : ".model-" + Integer.toHexString(name.hashCode()) + ".";
  }

  /** Makes the folder of a file that is about to be written. */
  public static void makeFolderOf(Path file) {
    Path parent = file.toAbsolutePath().getParent();
    if (parent != null) {
      try {
        Files.createDirectories(parent);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /**
   * Refuses to write a model over anything that is there: for models that no run of ours made.
   *
   * @throws ModelException if there is a file of that name, or a folder that is not empty
   */
  public static void requireNew(Path out) {
    if (!Files.exists(out)) {
      return;
    }
    try (Stream<Path> list = Files.isDirectory(out) ? Files.list(out) : Stream.of(out)) {
      if (list.findAny().isPresent()) {
        throw new ModelException(out + " is there already; name a new folder for the model");
      }
    } catch (IOException e) {
      throw new ModelException(out + " cannot be read (" + e.getMessage() + ")", e);
    }
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
        if (!FILES.contains(name) && !COMPONENT_FOLDERS.contains(name) && !name.equals(Lora.FILE)) {
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

  /** Links as links: what they lead to stays where it is. */
  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> walk = Files.walk(from)) {
      for (Path p : walk.toList()) {
        Files.copy(p, to.resolve(from.relativize(p).toString()), LinkOption.NOFOLLOW_LINKS);
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
    ModelFamily family = model.network().family();
    TextEncoder encoder = model.textEncoder();
    String scheduler =
        Schedulers.className(family.schedulers(), model.schedule(), model.defaults().sampler());
    Map<String, List<@Nullable String>> components = new TreeMap<>();
    components.put("scheduler", List.of("diffusers", scheduler));
    components.put(
        family.networkComponent(), List.of(family.networkLibrary(), family.networkClass()));
    components.put("vae", List.of(Codecs.library(model.codec()), Codecs.className(model.codec())));
    components.putAll(family.writeText(folder, encoder));
    ObjectNode index = JsonConfig.JSON.createObjectNode();
    index.put("_class_name", family.pipelineClass());
    family.indexSettings(encoder).forEach(index::put);
    components.forEach(
        (name, classes) -> {
          ArrayNode entry = index.putArray(name);
          classes.forEach(entry::add);
        });
    JsonConfig.write(folder.resolve(INDEX), index);

    JsonConfig.write(
        Files.createDirectory(folder.resolve("scheduler")).resolve("scheduler_config.json"),
        Schedulers.json(model.schedule(), scheduler, model.defaults()));

    Path network = Files.createDirectory(folder.resolve(family.networkComponent()));
    family.write(network, model.network(), weights, dtype);

    Codecs.write(Files.createDirectory(folder.resolve("vae")), model.codec());

    JsonConfig.write(folder.resolve(EXTRAS), extras(model));
  }

  private static ObjectNode extras(TextToImage model) {
    GenerationSettings s = model.defaults();
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("height", s.height());
    json.put("width", s.width());
    if (s.grid().equals(s.spacing().grid(s.grid().size()))) {
      json.put("steps", s.grid().size());
    } else {
      ArrayNode grid = json.putArray("grid");
      for (int k = 0; k < s.grid().size(); k++) {
        grid.add(s.grid().time(k));
      }
    }
    json.put("guidance", s.guidance().alpha());
    json.put("sampler", GenerationSettings.name(s.sampler()));
    if (model.network().patch() > 0) {
      json.put("patch", model.network().patch());
    }
    json.put("precision", "auto");
    ObjectNode provenance = json.putObject("provenance");
    new TreeMap<>(model.provenance()).forEach(provenance::put);
    return json;
  }
}
