package org.peltast.models;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.models.files.JsonConfig;
import org.peltast.safetensors.Checkpoint;
import org.peltast.safetensors.TensorInfo;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorFiles;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** Reads LoRA files of any of the layouts that {@link Lora} tells of. */
final class LoraReader {
  private enum Part {
    A,
    B,
    ALPHA
  }

  /** How keys end, and which part of a layer's change they are. */
  private static final Map<String, Part> ENDS = ends();

  private static Map<String, Part> ends() {
    Map<String, Part> ends = new LinkedHashMap<>();
    for (String a :
        List.of(
            ".lora_A.weight",
            ".lora_A.default.weight",
            ".lora_down.weight",
            ".lora.down.weight",
            "_lora.down.weight")) {
      ends.put(a, Part.A);
    }
    for (String b :
        List.of(
            ".lora_B.weight",
            ".lora_B.default.weight",
            ".lora_up.weight",
            ".lora.up.weight",
            "_lora.up.weight")) {
      ends.put(b, Part.B);
    }
    ends.put(".alpha", Part.ALPHA);
    return ends;
  }

  /** What may stand before a layer's name, beside the name of the network's component. */
  private static final List<String> PREFIXES =
      List.of(
          "model.diffusion_model.",
          "diffusion_model.",
          "base_model.model.",
          "transformer.",
          "unet.",
          "lora_unet_",
          "lora_transformer_",
          "");

  /** Adapters of the text encoders, which lie in the same files. */
  private static final Pattern OF_TEXT =
      Pattern.compile("(text_encoders?[._0-9]|lora_te[0-9_]|te[0-9]?[._]|clip_[lgh]\\.).*");

  /** DoRA, LoHa, LoKr, OFT, tensor decompositions, biases, full differences. */
  private static final Pattern OTHER_KINDS =
      Pattern.compile(
          ".*\\.(dora_scale|lora_magnitude_vector.*|hada_.*|lokr_.*|oft_.*|boft.*|lora_mid\\.weight"
              + "|lora_embedding_.*|lora_(B|up)(\\.default)?\\.bias|diff|diff_b|set_weight|[wb]_norm"
              + "|reshape_weight)");

  private final Path file;
  private final Checkpoint checkpoint;
  private final LoraLayers layers;
  private final List<String> prefixes = new ArrayList<>();
  private final Alphas alphas;
  private final Map<String, Found> found = new LinkedHashMap<>(); // by the name in the file

  /** The keys of one change. */
  private static final class Found {
    private final List<String> layers;
    private @Nullable String a;
    private @Nullable String b;
    private @Nullable String alpha;

    Found(List<String> layers) {
      this.layers = layers;
    }
  }

  private LoraReader(Path file, Checkpoint checkpoint, ModelFamily family, LoraLayers layers) {
    this.file = file;
    this.checkpoint = checkpoint;
    this.layers = layers;
    String component = family.networkComponent() + ".";
    prefixes.add(component);
    prefixes.addAll(PREFIXES);
    this.alphas = Alphas.of(file, checkpoint.metadata(), component);
  }

  static Lora read(Path file, ModelFamily family, LoraLayers layers) {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return new LoraReader(file, checkpoint, family, layers).read();
    }
  }

  private Lora read() {
    checkpoint.tensors().keySet().forEach(this::sort);
    if (found.isEmpty()) {
      throw new ModelException(file + " holds no tensor; name a LoRA file");
    }
    Map<String, Lora.Factors> all = new LinkedHashMap<>();
    Map<String, String> by = new LinkedHashMap<>(); // who changes a layer
    found.values().forEach(keys -> check(keys, by));
    found.values().forEach(keys -> add(keys, all));
    return new Lora(all);
  }

  /** Finds what a key stands for. */
  private void sort(String key) {
    if (OTHER_KINDS.matcher(key).matches()) {
      throw wrong(
          key,
          "belongs to another kind of adapter than LoRA (DoRA, LoHa, LoKr, a bias or a full"
              + " difference), which is not read; merge it into the model with the tool that made"
              + " it");
    }
    String end = ENDS.keySet().stream().filter(key::endsWith).findFirst().orElse(null);
    if (end == null) {
      throw wrong(
          key,
          "is none of a LoRA's, which end in .lora_A.weight and .lora_B.weight, or in"
              + " .lora_down.weight and .lora_up.weight, or .alpha");
    }
    String name = key.substring(0, key.length() - end.length()).replace(".processor.", ".");
    List<String> of = layers(name);
    if (of == null) {
      throw OF_TEXT.matcher(name).matches()
          ? wrong(
              key,
              "changes a text encoder, and only changes of the network are read; use a LoRA of the"
                  + " network alone")
          : wrong(
              key,
              "changes a layer that the network does not have; use a LoRA that was made for this"
                  + " model");
    }
    Found keys = found.computeIfAbsent(name, n -> new Found(of));
    Part part = ENDS.get(end);
    String known = part == Part.A ? keys.a : part == Part.B ? keys.b : keys.alpha;
    if (known != null) {
      throw wrong(key, "says again what " + known + " says");
    }
    if (part == Part.A) {
      keys.a = key;
    } else if (part == Part.B) {
      keys.b = key;
    } else {
      keys.alpha = key;
    }
  }

  private @Nullable List<String> layers(String name) {
    for (String prefix : prefixes) {
      if (name.startsWith(prefix)) {
        List<String> known = layers.named(name.substring(prefix.length()));
        if (known != null) {
          return known;
        }
      }
    }
    return null;
  }

  /** Compares shapes and types, before a value is read. */
  private void check(Found keys, Map<String, String> by) {
    String aKey = keys.a;
    String bKey = keys.b;
    if (aKey == null || bKey == null) {
      String lone = aKey != null ? aKey : bKey != null ? bKey : keys.alpha;
      throw wrong(
          String.valueOf(lone),
          "stands without its "
              + (aKey == null && bKey == null
                  ? "two factors"
                  : aKey == null ? "first factor (lora_A, lora_down)" : "second (lora_B, lora_up)")
              + "; fetch the file again");
    }
    for (String layer : keys.layers) {
      String other = by.put(layer, aKey);
      if (other != null) {
        throw wrong(aKey, "changes the layer " + layer + ", which " + other + " changes too");
      }
    }
    TensorInfo a = floating(aKey);
    TensorInfo b = floating(bKey);
    long[] first = layers.shape(keys.layers.get(0));
    long out = keys.layers.stream().mapToLong(layer -> layers.shape(layer)[0]).sum();
    long rank = a.dimensions().length == 0 ? 0 : a.dimensions()[0];
    long[] wantedA = first.clone();
    wantedA[0] = rank;
    if (rank < 1 || !isSame(a.dimensions(), wantedA)) {
      throw wrong(aKey, "is " + a.shape() + ", but " + needs(keys.layers, first, out));
    }
    long[] wantedB = {out, rank};
    if (!isSame(b.dimensions(), wantedB)) {
      throw wrong(
          bKey,
          "is "
              + b.shape()
              + ", but with rank "
              + rank
              + " of "
              + aKey
              + " "
              + needs(keys.layers, first, out));
    }
    if (keys.alpha != null && floating(keys.alpha).elements() != 1) {
      throw wrong(
          keys.alpha, "is " + checkpoint.require(keys.alpha).shape() + ", but is one number");
    }
  }

  private static String needs(List<String> layers, long[] weight, long out) {
    long[] shape = weight.clone();
    shape[0] = out;
    return "the layer "
        + String.join(", ", layers)
        + " has the weight "
        + Arrays.toString(shape)
        + ", whose change is B [out, rank] times A [rank, in]; use a LoRA that was made for this"
        + " model";
  }

  private TensorInfo floating(String key) {
    TensorInfo info = checkpoint.require(key);
    DType type = DType.of(info.type());
    if (type == null || !type.isFloating()) {
      throw wrong(key, "is of type " + info.type() + ", not F32, F64, F16 or BF16");
    }
    return info;
  }

  /** Whether shapes are the same but for axes of length 1 at the end. */
  private static boolean isSame(long[] shape, long[] wanted) {
    int n = Math.max(shape.length, wanted.length);
    for (int i = 0; i < n; i++) {
      if ((i < shape.length ? shape[i] : 1) != (i < wanted.length ? wanted[i] : 1)) {
        return false;
      }
    }
    return true;
  }

  private void add(Found keys, Map<String, Lora.Factors> all) {
    String aKey = java.util.Objects.requireNonNull(keys.a);
    String bKey = java.util.Objects.requireNonNull(keys.b);
    Tensor a = value(aKey);
    Tensor b = value(bKey);
    long rank = a.size(0);
    long row = 0;
    for (String layer : keys.layers) {
      long[] weight = layers.shape(layer);
      long[] shapeA = weight.clone();
      shapeA[0] = rank;
      long[] shapeB = new long[weight.length];
      Arrays.fill(shapeB, 1);
      shapeB[0] = weight[0];
      shapeB[1] = rank;
      double alpha =
          keys.alpha == null
              ? alphas.alpha(layer, rank)
              : value(keys.alpha).reshape(1).select(0, 0).item();
      all.put(
          layer,
          new Lora.Factors(
              a.reshape(shapeA), b.narrow(0, row, weight[0]).contiguous().reshape(shapeB), alpha));
      row += weight[0];
    }
  }

  private Tensor value(String key) {
    return Scope.compute(
        () -> {
          Tensor value = TensorFiles.read(checkpoint, key).to(DType.FLOAT32);
          if (!value.allFinite()) {
            throw wrong(key, "holds NaN or infinity; the training that wrote it diverged");
          }
          return value;
        });
  }

  private ModelException wrong(String key, String what) {
    return new ModelException(file + ": the key " + key + " " + what);
  }

  /**
   * What the metadata of diffusers says of alpha: one for all layers, and others by names. Without
   * it alpha is the rank.
   *
   * @param all null where the file does not say
   * @param named others by a layer's name, whole behind {@code ^}, else a name or its end
   * @param rootOfRank whether the square root of the rank divides alpha (rank-stabilised LoRA)
   */
  private record Alphas(@Nullable Double all, Map<String, Double> named, boolean rootOfRank) {
    private static final String KEY = "lora_adapter_metadata";

    /** PEFT takes any regular expression; a file's own could be one that never ends. */
    private static final Pattern NAME = Pattern.compile("\\^?[\\w.-]++");

    static Alphas of(Path file, Map<String, String> metadata, String component) {
      String text = metadata.get(KEY);
      if (text == null) {
        return new Alphas(null, Map.of(), false);
      }
      JsonNode json;
      try {
        json = JsonConfig.JSON.readTree(text);
      } catch (JacksonException e) {
        throw new ModelException(file + ": the metadata " + KEY + " is no JSON", e);
      }
      for (String other : List.of("use_dora", "lora_bias", "fan_in_fan_out")) {
        if (node(json, component, other).booleanValue(false)) {
          throw new ModelException(
              file + ": the metadata " + KEY + " sets " + other + ", which is not supported");
        }
      }
      Map<String, Double> named = new LinkedHashMap<>();
      node(json, component, "alpha_pattern")
          .properties()
          .forEach(e -> named.put(name(file, e.getKey()), number(file, e.getKey(), e.getValue())));
      JsonNode alpha = node(json, component, "lora_alpha");
      return new Alphas(
          alpha.isMissingNode() || alpha.isNull() ? null : number(file, "lora_alpha", alpha),
          named,
          node(json, component, "use_rslora").booleanValue(false));
    }

    private static String name(Path file, String pattern) {
      String name = pattern.replace("\\.", ".");
      if (!NAME.matcher(name).matches()) {
        String some = pattern.length() > 80 ? pattern.substring(0, 80) + "…" : pattern;
        throw new ModelException(
            file
                + ": the metadata "
                + KEY
                + " has the alpha_pattern "
                + some
                + ", and only names of layers are read there; write one for each layer");
      }
      return name;
    }

    private static double number(Path file, String key, JsonNode value) {
      if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
        throw new ModelException(
            file + ": the metadata " + KEY + " says " + key + " is " + value + ", no number");
      }
      return value.doubleValue();
    }

    /** An entry under the component's name, or, of a file of the network alone, under none. */
    private static JsonNode node(JsonNode json, String component, String key) {
      return json.has(component + key) ? json.path(component + key) : json.path(key);
    }

    private static boolean is(String name, String layer) {
      return name.startsWith("^")
          ? layer.equals(name.substring(1))
          : layer.equals(name) || layer.endsWith("." + name);
    }

    double alpha(String layer, long rank) {
      double alpha =
          named.entrySet().stream()
              .filter(e -> is(e.getKey(), layer))
              .map(Map.Entry::getValue)
              .findFirst()
              .orElse(all == null ? (double) rank : all);
      return rootOfRank ? alpha * Math.sqrt((double) rank) : alpha;
    }
  }
}
