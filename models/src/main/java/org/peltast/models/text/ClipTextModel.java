package org.peltast.models.text;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.Weights;
import org.peltast.safetensors.Checkpoint;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Attention;
import org.peltast.tensor.nn.Embedding;
import org.peltast.tensor.nn.LayerNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * CLIP's text transformer (Radford et al., 2021), causal and pre-norm, as transformers' {@code
 * CLIPTextModel} and {@code CLIPTextModelWithProjection}: OpenAI's CLIP-L and OpenCLIP's bigG are
 * configurations of it. It computes in float32, without gradients.
 *
 * <p>Weights are read under published names, which begin with {@code text_model.}, and under those
 * that transformers 5 writes, which do not.
 */
public final class ClipTextModel implements AutoCloseable {
  /** The class without and the class with a projection of the pooled feature. */
  public static final List<String> CLASSES =
      List.of("CLIPTextModel", "CLIPTextModelWithProjection");

  private static final String PREFIX = "text_model";

  /** Written by older versions of transformers: 0, 1, 2, … */
  private static final Set<String> BUFFERS =
      Set.of("text_model.embeddings.position_ids", "embeddings.position_ids");

  /** A value of {@code eos_token_id} that says nothing: the end is then the largest id. */
  private static final int LARGEST_ID = 2;

  /** Keys read below, and those that decide nothing without training or generation. */
  private static final Set<String> KEYS =
      Set.of(
          "vocab_size",
          "hidden_size",
          "intermediate_size",
          "num_hidden_layers",
          "num_attention_heads",
          "max_position_embeddings",
          "hidden_act",
          "layer_norm_eps",
          "projection_dim",
          "eos_token_id",
          "attention_dropout",
          "bos_token_id",
          "dropout",
          "initializer_factor",
          "initializer_range",
          "model_type",
          "pad_token_id",
          "use_cache");

  private final Parameters parameters;
  private final int width;
  private final int positions;
  private final int vocabulary;
  private final int endId;
  private final Embedding tokens;
  private final Embedding places;
  private final List<Layer> layers = new ArrayList<>();
  private final LayerNorm finalNorm;
  private final @Nullable Linear projection;

  /**
   * What it makes of a batch.
   *
   * @param penultimate [B, L, D], the input of the last layer, not normalised
   * @param last [B, L, D], after the last norm
   * @param pooled [B, P], the feature of the text's end, projected if the model has a projection
   */
  public record Output(Tensor penultimate, Tensor last, Tensor pooled) {}

  private ClipTextModel(JsonConfig json, boolean projected, boolean prefixed, Parameters all) {
    parameters = all;
    Parameters p = prefixed ? all.at(PREFIX) : all;
    width = positive(json, "hidden_size", 512);
    int inner = positive(json, "intermediate_size", 2048);
    int heads = positive(json, "num_attention_heads", 8);
    int depth = positive(json, "num_hidden_layers", 12);
    if (depth > JsonConfig.MOST_LAYERS) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s: num_hidden_layers must be at most %d, but is %d",
              json.file(),
              JsonConfig.MOST_LAYERS,
              depth));
    }
    positions = positive(json, "max_position_embeddings", 77);
    vocabulary = positive(json, "vocab_size", 49408);
    endId = json.integer("eos_token_id", 49407);
    double eps = json.number("layer_norm_eps", 1e-5);
    if (width % heads != 0) {
      throw new ModelException(
          json.file()
              + ": hidden_size "
              + width
              + " must be a multiple of num_attention_heads "
              + heads);
    }
    UnaryOperator<Tensor> activation = activation(json);
    tokens = new Embedding(p.at("embeddings").at("token_embedding"), vocabulary, width);
    places = new Embedding(p.at("embeddings").at("position_embedding"), positions, width);
    for (int i = 0; i < depth; i++) {
      layers.add(
          new Layer(p.at("encoder").at("layers").at("" + i), width, inner, heads, eps, activation));
    }
    finalNorm = new LayerNorm(p.at("final_layer_norm"), width, eps);
    projection =
        projected
            ? new Linear(
                all.at("text_projection"), width, positive(json, "projection_dim", 512), false)
            : null;
  }

  private static int positive(JsonConfig json, String key, int otherwise) {
    int value = json.integer(key, otherwise);
    if (value < 1) {
      throw new ModelException(json.file() + ": " + key + " must be positive, but is " + value);
    }
    return value;
  }

  private static UnaryOperator<Tensor> activation(JsonConfig json) {
    String name = json.string("hidden_act", "quick_gelu");
    return switch (name) {
      case "quick_gelu" -> x -> x.mul(x.mul(1.702).sigmoid());
      case "gelu" -> Tensor::gelu;
      default ->
          throw new ModelException(
              json.file()
                  + ": hidden_act is "
                  + name
                  + ", which is not supported; quick_gelu and gelu are");
    };
  }

  /** The configuration of a folder, checked for what is not supported. */
  private static JsonConfig config(Path folder) {
    JsonConfig json = JsonConfig.read(folder.resolve("config.json"));
    json.requireKnown(KEYS);
    return json;
  }

  /** Whether the folder's model has a projection, as its configuration's class says. */
  private static boolean isProjected(JsonConfig json) {
    List<@Nullable String> classes = json.strings("architectures");
    String name = classes.size() == 1 ? classes.get(0) : null;
    if (name == null || !CLASSES.contains(name)) {
      throw new ModelException(
          json.file()
              + ": architectures is "
              + json.text("architectures")
              + "; supported is "
              + String.join(" or ", CLASSES));
    }
    return name.equals(CLASSES.get(1));
  }

  /** What can be known of a model without its weights. */
  public record Shape(int width, int positions, int pooledWidth) {}

  /**
   * The shape of the model in a folder.
   *
   * @throws ModelException naming file and key, if the configuration is not supported
   */
  public static Shape shape(Path folder) {
    JsonConfig json = config(folder);
    int width = positive(json, "hidden_size", 512);
    activation(json);
    return new Shape(
        width,
        positive(json, "max_position_embeddings", 77),
        isProjected(json) ? positive(json, "projection_dim", 512) : width);
  }

  /**
   * Reads configuration and weights.
   *
   * @throws ModelException if they are missing, malformed or do not fit each other
   */
  public static ClipTextModel open(Component component, Device device) {
    JsonConfig json = config(component.folder());
    Weights.requirePlausible(json, component, device, described(json));
    if (device.kind() == Device.Kind.META) { // which holds no numbers
      return new ClipTextModel(
          json, isProjected(json), false, Parameters.on(device, Precision.FLOAT32));
    }
    boolean prefixed;
    try (Checkpoint checkpoint = Checkpoint.open(component.weights())) {
      prefixed = checkpoint.tensors().keySet().stream().anyMatch(n -> n.startsWith(PREFIX + "."));
    }
    Parameters parameters = Parameters.on(device, Precision.FLOAT32);
    try {
      ClipTextModel model = new ClipTextModel(json, isProjected(json), prefixed, parameters);
      Weights.load(
          component.weights(),
          parameters,
          names -> name -> BUFFERS.contains(name) ? List.of() : List.of(name));
      return model;
    } catch (RuntimeException e) {
      parameters.close();
      throw e;
    }
  }

  /** How many weights its largest matrices have, in at least one layer. */
  private static double described(JsonConfig json) {
    double width = positive(json, "hidden_size", 512);
    double inner = positive(json, "intermediate_size", 2048);
    double rows =
        (double) positive(json, "vocab_size", 49408)
            + positive(json, "max_position_embeddings", 77);
    return 4 * width * width + 2 * width * inner + rows * width;
  }

  /** How many weights it has. */
  public long weights() {
    return parameters.count();
  }

  /**
   * Encodes token ids.
   *
   * @param ids int64 [B, L], L at most the model's positions
   * @param mask int64 [B, L], 1 where a token counts as a key; null if all do
   */
  public Output forward(Tensor ids, @Nullable Tensor mask) {
    if (ids.rank() != 2 || ids.size(1) > positions || ids.count() == 0) {
      throw new ModelException(
          "the text encoder takes ids [B, L] with L at most " + positions + ", got " + ids);
    }
    int length = (int) ids.size(1);
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor bias = causal(length).to(ids.device());
      if (mask != null) {
        bias = bias.add(Attention.bias(mask));
      }
      Tensor at = Tensor.arange(length).to(ids.device());
      Tensor x = tokens.forward(ids).add(places.forward(at).unsqueeze(0));
      Tensor penultimate = x;
      for (int i = 0; i < layers.size(); i++) {
        Layer layer = layers.get(i);
        penultimate = x;
        Tensor in = x;
        Tensor added = bias;
        x = Scope.compute(() -> layer.forward(in, added));
      }
      Tensor last = finalNorm.forward(x);
      Tensor pooled = pooled(ids, last);
      return new Output(scope.release(penultimate), scope.release(last), scope.release(pooled));
    }
  }

  /** Zero for the tokens up to each one, and what excludes those behind it: [1, 1, L, L]. */
  private static Tensor causal(int length) {
    float[] bias = new float[length * length];
    for (int row = 0; row < length; row++) {
      java.util.Arrays.fill(bias, row * length + row + 1, (row + 1) * length, -1e30f);
    }
    return Tensor.of(bias, 1, 1, length, length);
  }

  private Tensor pooled(Tensor ids, Tensor last) {
    int length = (int) ids.size(1);
    long[] all = ids.to(Device.CPU).contiguous().toLongs();
    long[] rows = new long[(int) ids.size(0)];
    for (int b = 0; b < rows.length; b++) {
      rows[b] = (long) b * length + end(all, b * length, length);
    }
    Tensor chosen =
        last.reshape(ids.count(), width)
            .indexSelect(0, Tensor.of(rows, rows.length).to(last.device()));
    return projection == null ? chosen : projection.forward(chosen).to(DType.FLOAT32);
  }

  /** The first place of the id that ends a text, or of the largest id; 0 if there is none. */
  private int end(long[] ids, int from, int length) {
    int best = 0;
    for (int i = 0; i < length; i++) {
      if (endId != LARGEST_ID && ids[from + i] == endId) {
        return i;
      }
      if (endId == LARGEST_ID && ids[from + i] > ids[from + best]) {
        best = i;
      }
    }
    return best;
  }

  /** D, the width of a token's feature. */
  public int width() {
    return width;
  }

  @Override
  public void close() {
    parameters.close();
  }

  /** {@code x + attention(norm₁(x))}, then {@code x + mlp(norm₂(x))}. */
  private static final class Layer {
    private final LayerNorm norm1;
    private final LayerNorm norm2;
    private final Linear q;
    private final Linear k;
    private final Linear v;
    private final Linear out;
    private final Linear in;
    private final Linear back;
    private final int heads;
    private final UnaryOperator<Tensor> activation;

    Layer(
        Parameters p,
        int width,
        int inner,
        int heads,
        double eps,
        UnaryOperator<Tensor> activation) {
      this.heads = heads;
      this.activation = activation;
      Parameters attention = p.at("self_attn");
      k = new Linear(attention.at("k_proj"), width, width, true);
      v = new Linear(attention.at("v_proj"), width, width, true);
      q = new Linear(attention.at("q_proj"), width, width, true);
      out = new Linear(attention.at("out_proj"), width, width, true);
      norm1 = new LayerNorm(p.at("layer_norm1"), width, eps);
      in = new Linear(p.at("mlp").at("fc1"), width, inner, true);
      back = new Linear(p.at("mlp").at("fc2"), inner, width, true);
      norm2 = new LayerNorm(p.at("layer_norm2"), width, eps);
    }

    Tensor forward(Tensor x, Tensor bias) {
      Tensor normed = norm1.forward(x);
      Tensor attended =
          Attention.of(
              split(q.forward(normed)), split(k.forward(normed)), split(v.forward(normed)), bias);
      Tensor h = x.add(out.forward(attended.transpose(1, 2).reshape(x.shape())));
      return h.add(back.forward(activation.apply(in.forward(norm2.forward(h)))));
    }

    private Tensor split(Tensor rows) {
      return rows.reshape(rows.size(0), rows.size(1), heads, rows.size(2) / heads).transpose(1, 2);
    }
  }
}
