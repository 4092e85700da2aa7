package org.peltast.models.sdxl;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.JsonConfig;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The shape of a UNet in SDXL's structure, under the names of diffusers' {@code config.json}.
 *
 * <p>Lists have one entry a level, from the picture's size down; the way up mirrors them. What
 * diffusers' class can do besides (class embeddings, image prompts, other activations, …) is
 * refused by the key's name.
 *
 * @param sampleSize rows and columns of latents that it was trained on; empty if the file is silent
 * @param channels of the latents, in and out
 * @param widths channels of each level
 * @param layers residual blocks of each level on the way down; one more on the way up
 * @param downAttends whether a level has transformers on the way down
 * @param upAttends whether a level has transformers on the way up, from the smallest level
 * @param downDepths blocks of each transformer, by level and layer, on the way down
 * @param upDepths blocks of each transformer, from the smallest level, on the way up
 * @param heads of attention on each level; in the file {@code attention_head_dim}, which despite
 *     its name is their number
 * @param contextWidths width of the text features that each level reads
 * @param linearProjection whether transformers are entered and left by linear layers, or by 1 × 1
 *     convolutions
 * @param groups of the group norms
 * @param normEps ε of the group norms in residual blocks
 * @param cosinesFirst whether sinusoids begin with the cosines
 * @param frequencyShift of the sinusoids' exponents
 * @param timeWidth width of the time embedding
 * @param sizeSinusoids sinusoids of each of the size ids
 * @param additionWidth width of the pooled text feature and all size ids' sinusoids together
 * @param downPadding padding of the downsampling convolutions
 * @param kernelIn edge of the first convolution's kernel, odd
 * @param kernelOut edge of the last convolution's kernel, odd
 * @param scaleShift whether time scales and shifts the residual blocks, instead of shifting alone
 */
record UNetConfig(
    List<Integer> sampleSize,
    int channels,
    List<Integer> widths,
    List<Integer> layers,
    List<Boolean> downAttends,
    List<Boolean> upAttends,
    List<List<Integer>> downDepths,
    List<List<Integer>> upDepths,
    List<Integer> heads,
    List<Integer> contextWidths,
    boolean linearProjection,
    int groups,
    double normEps,
    boolean cosinesFirst,
    double frequencyShift,
    int timeWidth,
    int sizeSinusoids,
    int additionWidth,
    int downPadding,
    int kernelIn,
    int kernelOut,
    boolean scaleShift) {
  static final String CLASS = "UNet2DConditionModel";

  /** Numbers in {@code time_ids}: original size, crop and target size, each height and width. */
  static final int SIZE_IDS = 6;

  private static final String DOWN = "DownBlock2D";
  private static final String UP = "UpBlock2D";
  private static final String CROSS = "CrossAttn";
  private static final String MID = "UNetMidBlock2DCrossAttn";

  /** Keys read below. */
  private static final Set<String> READ =
      Set.of(
          "sample_size",
          "in_channels",
          "out_channels",
          "block_out_channels",
          "layers_per_block",
          "down_block_types",
          "up_block_types",
          "mid_block_type",
          "transformer_layers_per_block",
          "reverse_transformer_layers_per_block",
          "attention_head_dim",
          "cross_attention_dim",
          "use_linear_projection",
          "norm_num_groups",
          "norm_eps",
          "flip_sin_to_cos",
          "freq_shift",
          "time_embedding_dim",
          "addition_embed_type",
          "addition_time_embed_dim",
          "projection_class_embeddings_input_dim",
          "downsample_padding",
          "conv_in_kernel",
          "conv_out_kernel",
          "resnet_time_scale_shift",
          "act_fn");

  /** Keys that decide nothing for this structure or only how it is computed. */
  private static final Set<String> PASSED_OVER =
      Set.of("upcast_attention", "addition_embed_type_num_heads");

  /** Keys supported with one value alone; absent and null mean it too. */
  private static final Map<String, Object> PLAIN = plain();

  private static Map<String, Object> plain() {
    Map<String, Object> plain = new LinkedHashMap<>();
    plain.put("attention_type", "default");
    plain.put("center_input_sample", false);
    plain.put("class_embeddings_concat", false);
    plain.put("dropout", 0.0);
    plain.put("dual_cross_attention", false);
    plain.put("mid_block_only_cross_attention", false);
    plain.put("mid_block_scale_factor", 1);
    plain.put("only_cross_attention", false);
    plain.put("resnet_out_scale_factor", 1.0);
    plain.put("resnet_skip_time_act", false);
    plain.put("time_embedding_type", "positional");
    return Collections.unmodifiableMap(plain);
  }

  /** Checks that the parts fit each other. */
  UNetConfig {
    sampleSize = List.copyOf(sampleSize);
    widths = List.copyOf(widths);
    layers = List.copyOf(layers);
    downAttends = List.copyOf(downAttends);
    upAttends = List.copyOf(upAttends);
    downDepths = List.copyOf(downDepths);
    upDepths = List.copyOf(upDepths);
    heads = List.copyOf(heads);
    contextWidths = List.copyOf(contextWidths);
    int n = widths.size();
    require(
        n >= 1
            && layers.size() == n
            && downAttends.size() == n
            && upAttends.size() == n
            && downDepths.size() == n
            && upDepths.size() == n
            && heads.size() == n
            && contextWidths.size() == n,
        "every list must have one entry for each of its " + n + " levels");
    require(
        channels >= 1 && groups >= 1 && layers.stream().allMatch(l -> l >= 1),
        "channels, norm_num_groups and layers_per_block must be positive");
    for (int width : widths) {
      require(
          width >= 1 && width % groups == 0,
          "block_out_channels " + widths + " must be multiples of norm_num_groups " + groups);
    }
    for (int i = 0; i < n; i++) {
      boolean attends = downAttends.get(i) || upAttends.get(n - 1 - i) || i == n - 1;
      require(
          heads.get(i) >= 1 && (!attends || heads.get(i) <= widths.get(i)),
          "attention_head_dim, the number of heads, must be from 1 to the channels of its level, got "
              + heads
              + " for "
              + widths);
      requireDepths(downDepths.get(i), layers.get(i), "transformer_layers_per_block");
      requireDepths(
          upDepths.get(i), layers.get(n - 1 - i) + 1, "reverse_transformer_layers_per_block");
    }
    require(
        contextWidths.stream().distinct().count() == 1 && contextWidths.get(0) >= 1,
        "cross_attention_dim must be one positive number, got " + contextWidths);
    require(normEps > 0, "norm_eps must be positive");
    require(
        timeWidth >= 1 && sizeSinusoids >= 1,
        "time_embedding_dim and addition_time_embed_dim must be positive");
    require(
        additionWidth >= SIZE_IDS * sizeSinusoids,
        "projection_class_embeddings_input_dim is "
            + additionWidth
            + ", but the sinusoids of six size ids alone are "
            + SIZE_IDS * sizeSinusoids);
    require(downPadding >= 0, "downsample_padding must not be negative");
    require(
        kernelIn >= 1 && kernelIn % 2 == 1 && kernelOut >= 1 && kernelOut % 2 == 1,
        "conv_in_kernel and conv_out_kernel must be odd");
  }

  private static void requireDepths(List<Integer> depths, int layers, String key) {
    require(
        depths.size() == layers && depths.stream().allMatch(d -> d >= 1),
        key + " must have a positive number for each of " + layers + " layers, got " + depths);
  }

  private static void require(boolean condition, String sentence) {
    if (!condition) {
      throw new ModelException("SDXL's UNet config: " + sentence);
    }
  }

  /** Width of the pooled text feature; 0 if there is none. */
  int pooledWidth() {
    return additionWidth - SIZE_IDS * sizeSinusoids;
  }

  /** Width of the text features. */
  int contextWidth() {
    return contextWidths.get(0);
  }

  /** Levels, the number of sizes that it computes on. */
  int levels() {
    return widths.size();
  }

  /** How many weights its largest matrices have. */
  double described() {
    int n = levels();
    double all =
        (double) channels
                * widths.get(0)
                * (1.0 * kernelIn * kernelIn + 1.0 * kernelOut * kernelOut)
            + timeWidth
                * ((double) widths.get(0)
                    + Math.max(additionWidth, SIZE_IDS * (double) sizeSinusoids)
                    + 2.0 * timeWidth);
    for (int i = 0; i < n; i++) {
      double width = widths.get(i);
      int blocks = 2 * layers.get(i) + 1;
      int depth = 0;
      for (int j = 0; downAttends.get(i) && j < layers.get(i); j++) {
        depth += downDepths.get(i).get(j);
      }
      for (int j = 0; upAttends.get(n - 1 - i) && j <= layers.get(i); j++) {
        depth += upDepths.get(n - 1 - i).get(j);
      }
      if (i == n - 1) {
        blocks += 2; // the middle
        depth += downDepths.get(i).get(0);
      }
      // Two kernels of 3 × 3; two attentions of which one reads the text; a gated layer.
      all += 18.0 * blocks * width * width;
      all += depth * (18 * width * width + 2 * width * contextWidth());
    }
    return all;
  }

  // ------------------------------------------------------------------ config.json

  /** Reads {@code config.json}; a key that is absent has diffusers' default. */
  static UNetConfig read(JsonConfig json) {
    try {
      return parse(json);
    } catch (ModelException e) {
      String message = String.valueOf(e.getMessage());
      throw message.startsWith(json.file().toString())
          ? e
          : new ModelException(json.file() + ": " + message, e);
    }
  }

  private static UNetConfig parse(JsonConfig json) {
    requireSupported(json);
    List<Integer> widths = json.integers("block_out_channels", List.of(320, 640, 1280, 1280));
    int n = widths.size();
    require(n >= 1, "block_out_channels must not be empty");
    List<Integer> layers = json.integersOf(n, "layers_per_block", 2);
    requireCounts(layers, "layers_per_block");
    List<Boolean> down = attends(json, "down_block_types", DOWN, n);
    List<Boolean> up = attends(json, "up_block_types", UP, n);
    List<List<Integer>> depths = json.integerListsOf(n, "transformer_layers_per_block", 1);
    depths.forEach(d -> requireCounts(d, "transformer_layers_per_block"));
    boolean mirrored = !json.has("reverse_transformer_layers_per_block");
    require(
        !mirrored || depths.stream().allMatch(d -> d.size() == 1),
        "transformer_layers_per_block names layers one by one, so"
            + " reverse_transformer_layers_per_block must be there");
    List<List<Integer>> upDepths =
        mirrored
            ? reversed(depths)
            : json.integerListsOf(n, "reverse_transformer_layers_per_block", null);
    upDepths.forEach(d -> requireCounts(d, "reverse_transformer_layers_per_block"));
    int channels = json.integer("in_channels", 4);
    require(
        json.integer("out_channels", 4) == channels,
        "out_channels must be in_channels " + channels + ", but is " + json.text("out_channels"));
    int sizeSinusoids = json.integer("addition_time_embed_dim", null);
    return new UNetConfig(
        json.has("sample_size") ? json.integersOf(2, "sample_size", null) : List.of(),
        channels,
        widths,
        layers,
        down,
        up,
        each(depths, layers, 0),
        each(upDepths, reversed(layers), 1),
        json.integersOf(n, "attention_head_dim", 8),
        json.integersOf(n, "cross_attention_dim", 1280),
        json.bool("use_linear_projection", false),
        json.integer("norm_num_groups", 32),
        json.number("norm_eps", 1e-5),
        json.bool("flip_sin_to_cos", true),
        json.number("freq_shift", 0.0),
        json.integer("time_embedding_dim", 4 * widths.get(0)),
        sizeSinusoids,
        json.integer("projection_class_embeddings_input_dim", null),
        json.integer("downsample_padding", 1),
        json.integer("conv_in_kernel", 3),
        json.integer("conv_out_kernel", 3),
        json.string("resnet_time_scale_shift", "default").equals("scale_shift"));
  }

  /** Refuses mistyped counts before anything is made in such numbers. */
  private static void requireCounts(List<Integer> counts, String key) {
    require(
        counts.stream().allMatch(c -> c >= 1 && c <= JsonConfig.MOST_LAYERS),
        key + " must be numbers from 1 to " + JsonConfig.MOST_LAYERS + ", got " + counts);
  }

  private static void requireSupported(JsonConfig json) {
    for (String key : json.keys()) {
      if (key.startsWith("_") || READ.contains(key) || PASSED_OVER.contains(key)) {
        continue;
      }
      Object plain = PLAIN.get(key);
      if (plain == null ? json.has(key) : !json.isPlain(key, plain)) {
        throw new ModelException(
            json.file()
                + ": "
                + key
                + " is "
                + json.text(key)
                + ", which is not supported; only "
                + (plain == null ? "null" : plain)
                + " is");
      }
    }
    requireOne(json, "mid_block_type", MID, MID);
    requireOne(json, "act_fn", "silu", "silu", "swish");
    requireOne(json, "resnet_time_scale_shift", "default", "default", "scale_shift");
    requireOne(json, "addition_embed_type", "none", "text_time");
    if (json.keys().contains("norm_num_groups") && !json.has("norm_num_groups")) {
      throw new ModelException(json.file() + ": norm_num_groups is null, which is not supported");
    }
  }

  private static void requireOne(
      JsonConfig json, String key, @Nullable String otherwise, String... supported) {
    boolean isNull = json.keys().contains(key) && !json.has(key);
    String value = isNull ? "null" : json.string(key, otherwise == null ? "none" : otherwise);
    if (!List.of(supported).contains(value)) {
      throw new ModelException(
          json.file()
              + ": "
              + key
              + " is "
              + value
              + ", which is not supported; only "
              + String.join(" and ", supported)
              + (supported.length == 1 ? " is" : " are"));
    }
  }

  private static List<Boolean> attends(JsonConfig json, String key, String plain, int n) {
    List<@Nullable String> types = json.strings(key);
    if (types.size() != n) {
      throw new ModelException(
          json.file() + ": " + key + " must name a block for each of " + n + " levels");
    }
    List<Boolean> attends = new ArrayList<>();
    for (String type : types) {
      if (type == null || !(type.equals(plain) || type.equals(CROSS + plain))) {
        throw new ModelException(
            json.file()
                + ": "
                + key
                + " has a "
                + type
                + ", which is not supported; only "
                + plain
                + " and "
                + CROSS
                + plain
                + " are");
      }
      attends.add(type.startsWith(CROSS));
    }
    return attends;
  }

  /** One number for all layers of a level becomes one for each. */
  private static List<List<Integer>> each(
      List<List<Integer>> depths, List<Integer> layers, int more) {
    List<List<Integer>> all = new ArrayList<>();
    for (int i = 0; i < depths.size(); i++) {
      List<Integer> of = depths.get(i);
      all.add(of.size() == 1 ? Collections.nCopies(layers.get(i) + more, of.get(0)) : of);
    }
    return all;
  }

  static <T> List<T> reversed(List<T> list) {
    List<T> other = new ArrayList<>(list);
    Collections.reverse(other);
    return other;
  }

  /** The configuration as diffusers reads it. */
  ObjectNode json() {
    ObjectNode json = JsonConfig.JSON.createObjectNode();
    json.put("_class_name", CLASS);
    json.put("act_fn", "silu");
    json.put("addition_embed_type", "text_time");
    json.put("addition_time_embed_dim", sizeSinusoids);
    heads.forEach(json.putArray("attention_head_dim")::add);
    widths.forEach(json.putArray("block_out_channels")::add);
    json.put("conv_in_kernel", kernelIn);
    json.put("conv_out_kernel", kernelOut);
    json.put("cross_attention_dim", contextWidth());
    types(json.putArray("down_block_types"), downAttends, DOWN);
    json.put("downsample_padding", downPadding);
    json.put("flip_sin_to_cos", cosinesFirst);
    if (frequencyShift == Math.rint(frequencyShift)) {
      json.put("freq_shift", (long) frequencyShift);
    } else {
      json.put("freq_shift", frequencyShift);
    }
    json.put("in_channels", channels);
    layers.forEach(json.putArray("layers_per_block")::add);
    json.put("mid_block_type", MID);
    json.put("norm_eps", normEps);
    json.put("norm_num_groups", groups);
    json.put("out_channels", channels);
    json.put("projection_class_embeddings_input_dim", additionWidth);
    json.put("resnet_time_scale_shift", scaleShift ? "scale_shift" : "default");
    if (sampleSize.size() == 2) {
      if (sampleSize.get(0).equals(sampleSize.get(1))) {
        json.put("sample_size", sampleSize.get(0));
      } else {
        sampleSize.forEach(json.putArray("sample_size")::add);
      }
    }
    json.put("time_embedding_dim", timeWidth);
    List<List<Integer>> down = shortened(downDepths);
    List<List<Integer>> up = shortened(upDepths);
    depths(json.putArray("transformer_layers_per_block"), down);
    if (!reversed(down).equals(up) || down.stream().anyMatch(d -> d.size() > 1)) {
      depths(json.putArray("reverse_transformer_layers_per_block"), up);
    }
    types(json.putArray("up_block_types"), upAttends, UP);
    json.put("use_linear_projection", linearProjection);
    return json;
  }

  private static void types(ArrayNode to, List<Boolean> attends, String plain) {
    attends.forEach(a -> to.add(a ? CROSS + plain : plain));
  }

  private static List<List<Integer>> shortened(List<List<Integer>> depths) {
    return depths.stream()
        .map(d -> d.stream().distinct().count() == 1 ? List.of(d.get(0)) : d)
        .toList();
  }

  private static void depths(ArrayNode to, List<List<Integer>> depths) {
    for (List<Integer> d : depths) {
      if (d.size() == 1) {
        to.add(d.get(0));
      } else {
        d.forEach(to.addArray()::add);
      }
    }
  }
}
