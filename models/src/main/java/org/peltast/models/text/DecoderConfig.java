package org.peltast.models.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;
import tools.jackson.databind.JsonNode;

/**
 * The configuration of a decoder-only language model: what {@code config.json} of a {@code
 * Qwen3Model} or {@code Gemma2Model} says.
 *
 * @param vocabulary rows of the embedding table
 * @param width D of the residual stream
 * @param hidden width of the gated feed-forward layers
 * @param heads of queries, a multiple of {@code keyValueHeads}
 * @param keyValueHeads heads of keys and values, each shared by heads / keyValueHeads of queries
 * @param headWidth channels of a head, even
 * @param normEps ε of the RMS norms
 * @param ropeTheta base of the rotary embedding's wavelengths
 * @param projectionBias whether the attention's projections have biases
 * @param queryScale what scores are multiplied by
 * @param softCap c of {@code c · tanh(score / c)}; 0 leaves scores as they are
 * @param windows for each layer how many tokens, itself included, a token attends to; 0 for all
 *     that there are before it
 * @param paddingToken whose embedding is given no gradient; −1 for none
 */
record DecoderConfig(
    Architecture architecture,
    int vocabulary,
    int width,
    int hidden,
    int heads,
    int keyValueHeads,
    int headWidth,
    double normEps,
    double ropeTheta,
    boolean projectionBias,
    double queryScale,
    double softCap,
    List<Integer> windows,
    int paddingToken) {

  /** In what two lineages differ besides their numbers. */
  enum Architecture {
    /** RMS-normed queries and keys, SiLU. */
    QWEN3("qwen3"),
    /** Norms by 1 + w before and after each layer, scaled embeddings, the tanh form of GELU. */
    GEMMA2("gemma2");

    private final String modelType;

    Architecture(String modelType) {
      this.modelType = modelType;
    }

    /** Its name in {@code config.json}, {@code model_type}. */
    String modelType() {
      return modelType;
    }
  }

  private static final String FULL = "full_attention";
  private static final String SLIDING = "sliding_attention";

  /** Beyond this a number in a configuration is a slip. */
  private static final int MOST = 1 << 24;

  /** Keys that tell how to train, or how to go on writing with the model. */
  private static final Set<String> HARMLESS =
      Set.of(
          "add_cross_attention",
          "attention_dropout",
          "bos_token_id",
          "cache_implementation",
          "chunk_size_feed_forward",
          "do_sample",
          "eos_token_id",
          "final_logit_softcapping", // of the head's logits, which are not computed
          "id2label",
          "initializer_range",
          "is_decoder",
          "is_encoder_decoder",
          "label2id",
          "max_length",
          "max_position_embeddings", // the rotary embedding has no end
          "output_attentions",
          "output_hidden_states",
          "problem_type",
          "pruned_heads",
          "return_dict",
          "tie_encoder_decoder",
          "tie_word_embeddings", // with the head, which is not computed
          "torchscript",
          "use_bfloat16",
          "use_cache");

  private static final Set<String> READ =
      Set.of(
          "attention_bias",
          "head_dim",
          "hidden_act",
          "hidden_size",
          "intermediate_size",
          "layer_types",
          "num_attention_heads",
          "num_hidden_layers",
          "num_key_value_heads",
          "pad_token_id",
          "rms_norm_eps",
          "rope_parameters",
          "rope_scaling",
          "rope_theta",
          "sliding_window",
          "vocab_size");

  private static final Set<String> READ_OF_QWEN3 =
      Set.of("max_window_layers", "use_sliding_window");

  private static final Set<String> READ_OF_GEMMA2 =
      Set.of(
          "attn_logit_softcapping",
          "hidden_activation",
          "query_pre_attn_scalar",
          "use_bidirectional_attention");

  /** Checks the numbers. */
  DecoderConfig {
    windows = List.copyOf(windows);
  }

  /**
   * Reads a configuration; a key that is absent has transformers' default.
   *
   * @throws ModelException naming a key that would change what the model computes and is not
   *     supported, or a value that makes no sense
   */
  static DecoderConfig read(Architecture architecture, JsonConfig json) {
    boolean qwen = architecture == Architecture.QWEN3;
    requireKnown(json, qwen ? READ_OF_QWEN3 : READ_OF_GEMMA2);
    int width = size(json, "hidden_size", qwen ? 4096 : 2304);
    int layers = size(json, "num_hidden_layers", qwen ? 32 : 26);
    require(
        json,
        layers <= JsonConfig.MOST_LAYERS,
        "num_hidden_layers must be at most " + JsonConfig.MOST_LAYERS + ", but is " + layers);
    int heads = size(json, "num_attention_heads", qwen ? 32 : 8);
    int headWidth =
        isNull(json, "head_dim") ? width / heads : size(json, "head_dim", qwen ? 128 : 256);
    int keyValueHeads =
        isNull(json, "num_key_value_heads")
            ? heads
            : size(json, "num_key_value_heads", qwen ? 32 : 4);
    require(
        json,
        heads % keyValueHeads == 0,
        "num_attention_heads "
            + heads
            + " must be a multiple of num_key_value_heads "
            + keyValueHeads);
    require(json, headWidth % 2 == 0, "head_dim must be even, but is " + headWidth);
    double eps = json.number("rms_norm_eps", 1e-6);
    require(json, eps > 0, "rms_norm_eps must be positive, but is " + eps);
    double scalar = qwen ? headWidth : json.number("query_pre_attn_scalar", 256.0);
    require(json, scalar > 0, "query_pre_attn_scalar must be positive, but is " + scalar);
    int noPadding = qwen || isNull(json, "pad_token_id") ? -1 : 0;
    return new DecoderConfig(
        architecture,
        size(json, "vocab_size", qwen ? 151936 : 256000),
        width,
        size(json, "intermediate_size", qwen ? 22016 : 9216),
        heads,
        keyValueHeads,
        headWidth,
        eps,
        ropeTheta(json),
        json.bool("attention_bias", false),
        1 / Math.sqrt(scalar),
        qwen ? 0 : softCap(json),
        qwen ? windowsOfQwen3(json, layers) : windowsOfGemma2(json, layers),
        json.integer("pad_token_id", noPadding));
  }

  private static void requireKnown(JsonConfig json, Set<String> more) {
    Set<String> known = new HashSet<>(READ);
    known.addAll(HARMLESS);
    known.addAll(more);
    json.requireKnown(known);
    boolean gemma = more == READ_OF_GEMMA2;
    // Gemma's first files have a wrong hidden_act, which nothing reads where the other is there.
    String key = gemma && json.has("hidden_activation") ? "hidden_activation" : "hidden_act";
    String wanted = gemma ? "gelu_pytorch_tanh" : "silu";
    String activation = gemma && key.equals("hidden_act") ? wanted : json.string(key, wanted);
    require(
        json,
        activation.equals(wanted),
        key + " must be " + wanted + " in a model of this type, but is " + activation);
    require(
        json,
        !json.bool("use_bidirectional_attention", false),
        "use_bidirectional_attention is true, but only attention to earlier tokens is supported");
  }

  private static double ropeTheta(JsonConfig json) {
    require(
        json,
        !json.has("rope_scaling") || type(json, "rope_scaling").equals("default"),
        "rope_scaling is of type "
            + type(json, "rope_scaling")
            + ", but only unscaled rotary embeddings are supported");
    double theta = json.number("rope_theta", 10_000.0);
    if (json.has("rope_parameters")) {
      require(
          json,
          type(json, "rope_parameters").equals("default"),
          "rope_parameters is of type "
              + type(json, "rope_parameters")
              + ", but only unscaled rotary embeddings, the same in every layer, are supported");
      for (String key : json.object("rope_parameters").propertyNames()) {
        require(
            json,
            List.of("rope_theta", "rope_type", "type").contains(key),
            "rope_parameters has the key " + key + ", which is not supported");
      }
      JsonNode value = json.object("rope_parameters").path("rope_theta");
      require(
          json,
          value.isMissingNode() || value.isNumber(),
          "rope_theta of rope_parameters must be a number, but is " + value);
      theta = value.isNumber() ? value.doubleValue() : theta;
    }
    require(
        json, Double.isFinite(theta) && theta > 0, "rope_theta must be positive, but is " + theta);
    return theta;
  }

  private static String type(JsonConfig json, String key) {
    JsonNode object = json.object(key);
    JsonNode type = object.has("rope_type") ? object.path("rope_type") : object.path("type");
    return type.isMissingNode() || type.isNull() ? "default" : type.asString("unreadable");
  }

  private static double softCap(JsonConfig json) {
    if (isNull(json, "attn_logit_softcapping")) {
      return 0;
    }
    double cap = json.number("attn_logit_softcapping", 50.0);
    require(json, cap > 0, "attn_logit_softcapping must be positive, but is " + cap);
    return cap;
  }

  private static List<Integer> windowsOfQwen3(JsonConfig json, int layers) {
    boolean sliding = json.bool("use_sliding_window", false);
    int from = json.integer("max_window_layers", 28);
    int window =
        sliding && !isNull(json, "sliding_window") ? size(json, "sliding_window", 4096) : 0;
    return windows(json, layers, window, layer -> layer >= from);
  }

  private static List<Integer> windowsOfGemma2(JsonConfig json, int layers) {
    int window = isNull(json, "sliding_window") ? 0 : size(json, "sliding_window", 4096);
    return windows(json, layers, window, layer -> layer % 2 == 0);
  }

  /** The layers' windows, by {@code layer_types} where it is there, else by a rule. */
  private static List<Integer> windows(
      JsonConfig json, int layers, int window, IntPredicate slides) {
    List<@Nullable String> types = json.strings("layer_types");
    require(
        json,
        types.isEmpty() || types.size() == layers,
        "layer_types names " + types.size() + " layers, but num_hidden_layers is " + layers);
    List<Integer> windows = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      String type = types.isEmpty() ? (slides.test(i) ? SLIDING : FULL) : types.get(i);
      require(
          json,
          FULL.equals(type) || SLIDING.equals(type),
          "layer_types names " + type + "; supported are " + FULL + " and " + SLIDING);
      windows.add(SLIDING.equals(type) ? window : 0);
    }
    return windows;
  }

  private static int size(JsonConfig json, String key, int otherwise) {
    int value = json.integer(key, otherwise);
    require(json, value >= 1 && value <= MOST, key + " must be 1 to " + MOST + ", but is " + value);
    return value;
  }

  private static boolean isNull(JsonConfig json, String key) {
    return !json.has(key) && json.keys().contains(key);
  }

  private static void require(JsonConfig json, boolean condition, String sentence) {
    if (!condition) {
      throw new ModelException(json.file() + ": " + sentence);
    }
  }

  int layers() {
    return windows.size();
  }

  boolean isGemma() {
    return architecture == Architecture.GEMMA2;
  }

  /** What embeddings are multiplied by. */
  double embeddingScale() {
    return isGemma() ? Math.sqrt(width) : 1;
  }

  /** How many weights there are. */
  long weights() {
    return shapes().values().stream()
        .mapToLong(shape -> Arrays.stream(shape).reduce(1, (a, b) -> a * b))
        .sum();
  }

  /** The shapes of all weights by name, as {@link Decoder} declares them. */
  Map<String, long[]> shapes() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("embed_tokens.weight", new long[] {vocabulary, width});
    for (int i = 0; i < layers(); i++) {
      String at = "layers." + i + ".";
      long queries = (long) heads * headWidth;
      long keys = (long) keyValueHeads * headWidth;
      shapes.put(at + "input_layernorm.weight", new long[] {width});
      projection(shapes, at + "self_attn.q_proj", queries, width);
      projection(shapes, at + "self_attn.k_proj", keys, width);
      projection(shapes, at + "self_attn.v_proj", keys, width);
      projection(shapes, at + "self_attn.o_proj", width, queries);
      if (!isGemma()) {
        shapes.put(at + "self_attn.q_norm.weight", new long[] {headWidth});
        shapes.put(at + "self_attn.k_norm.weight", new long[] {headWidth});
      }
      shapes.put(at + "post_attention_layernorm.weight", new long[] {width});
      if (isGemma()) {
        shapes.put(at + "pre_feedforward_layernorm.weight", new long[] {width});
        shapes.put(at + "post_feedforward_layernorm.weight", new long[] {width});
      }
      shapes.put(at + "mlp.gate_proj.weight", new long[] {hidden, width});
      shapes.put(at + "mlp.up_proj.weight", new long[] {hidden, width});
      shapes.put(at + "mlp.down_proj.weight", new long[] {width, hidden});
    }
    shapes.put("norm.weight", new long[] {width});
    return shapes;
  }

  private void projection(Map<String, long[]> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in});
    if (projectionBias) {
      shapes.put(name + ".bias", new long[] {out});
    }
  }
}
