package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Prediction;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.ModelException;
import org.peltast.models.zimage.fused.FusedBlocks;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Linear;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.RmsNorm;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * The Z-Image transformer (Tongyi-MAI, 2025), complete: noise and context refiners, a joint stream,
 * rotary positions on three axes, normalised queries and keys, sandwich norms modulated by time,
 * sequences filled up to multiples of 32 by learned tokens, ragged captions.
 *
 * <p>It answers the velocity {@code x₀ − ε} in the paper's time (t = 0 noise): the very number that
 * the reference network computes, before its pipeline turns the sign for a scheduler that counts
 * the other way.
 */
public final class ZImageTransformer implements Backbone, FeatureTaps {
  static final int TIME_SINUSOIDS = 256;
  static final int TIME_HIDDEN = 1024;

  private final ZImageConfig config;
  private final int patch;
  private final Parameters parameters;
  private final Map<Integer, Linear> embedders = new LinkedHashMap<>(); // [dim, patch²·C]
  private final Map<Integer, Linear> heads = new LinkedHashMap<>(); // [patch²·C, dim]
  private final Map<Integer, Linear> headModulations =
      new LinkedHashMap<>(); // [dim, modulationDim]
  private final Blocks noiseRefiner;
  private final Blocks contextRefiner;
  private final Blocks layers;
  private final Linear timeIn; // [1024, 256]
  private final Linear timeOut; // [modulationDim, 1024]
  private final RmsNorm captionNorm; // [captionDim]
  private final Linear captionEmbedder; // [dim, captionDim]
  private final Parameter imagePad; // [1, dim]
  private final Parameter captionPad; // [1, dim]
  private final Rope rope;

  /**
   * A network of that shape, all weights zero until initialised or loaded, on its first patch size.
   */
  public ZImageTransformer(ZImageConfig config, Parameters parameters) {
    this(config, parameters, config.patchSizes().get(0));
  }

  /**
   * Like the other constructor, on a given patch size.
   *
   * @throws ModelException if the configuration has no embedder for that patch size
   */
  public ZImageTransformer(ZImageConfig config, Parameters parameters, int patch) {
    this(config, parameters, patch, obstacleToFusion(config, parameters) == null);
  }

  /** Like the other constructors, with or without the fused kernels whatever the policy. */
  ZImageTransformer(ZImageConfig config, Parameters parameters, int patch, boolean fusing) {
    if (!config.patchSizes().contains(patch)) {
      throw new ModelException(
          "the model has embedders for patch sizes " + config.patchSizes() + ", not " + patch);
    }
    this.config = config;
    this.patch = patch;
    this.parameters = parameters;
    int dim = config.dim();
    for (int p : config.patchSizes()) {
      long values = (long) p * p * config.inChannels();
      Parameters embedder = parameters.at("all_x_embedder").at(p + "-1");
      embedders.put(p, new Linear(embedder, values, dim, true));
      Parameters last = parameters.at("all_final_layer").at(p + "-1");
      heads.put(
          p,
          new Linear(
              last.at("linear"), dim, values, Parameters.Init.zeros(), Parameters.Init.zeros()));
      headModulations.put(
          p,
          new Linear(
              last.at("adaLN_modulation").at("1"),
              config.modulationDim(),
              dim,
              Parameters.Init.zeros(),
              Parameters.Init.zeros()));
    }
    int refiners = config.refinerLayers();
    noiseRefiner = new Blocks(parameters, "noise_refiner", refiners, config, true, fusing);
    contextRefiner = new Blocks(parameters, "context_refiner", refiners, config, false, fusing);
    Parameters time = parameters.at("t_embedder").at("mlp");
    timeIn = new Linear(time.at("0"), TIME_SINUSOIDS, TIME_HIDDEN, true);
    timeOut = new Linear(time.at("2"), TIME_HIDDEN, config.modulationDim(), true);
    captionNorm =
        new RmsNorm(parameters.at("cap_embedder").at("0"), config.captionDim(), config.normEps());
    captionEmbedder =
        new Linear(parameters.at("cap_embedder").at("1"), config.captionDim(), dim, true);
    imagePad = parameters.declare("x_pad_token", new Parameters.Init.Normal(0.02), 1, dim);
    captionPad = parameters.declare("cap_pad_token", new Parameters.Init.Normal(0.02), 1, dim);
    layers = new Blocks(parameters, "layers", config.layers(), config, true, fusing);
    rope = new Rope(config, parameters.device());
  }

  /**
   * Why a network of that shape and on that device is computed by the plain operators; null if its
   * blocks are computed by the fused kernels, which give the same in less time.
   */
  public static @Nullable String obstacleToFusion(ZImageConfig config, Parameters parameters) {
    return config.qkNorm()
        ? FusedBlocks.obstacle(
            parameters.device(), parameters.precision().products(), config.dim(), config.headDim())
        : "the kernels are for normed queries and keys";
  }

  /** The shape of this network. */
  public ZImageConfig config() {
    return config;
  }

  @Override
  public ZImageFamily family() {
    return ZImageFamily.INSTANCE;
  }

  /** The edge of the patches it is used with. */
  @Override
  public int patch() {
    return patch;
  }

  @Override
  public int channels() {
    return config.inChannels();
  }

  @Override
  public int multiple() {
    return patch;
  }

  @Override
  public long maxHeight() {
    return (long) config.axesLens().get(1) * patch;
  }

  @Override
  public long maxWidth() {
    return (long) config.axesLens().get(2) * patch;
  }

  @Override
  public int captionWidth() {
    return config.captionDim();
  }

  @Override
  public ItemCost cost(int height, int width, int captionTokens) {
    return ZImageCost.of(config, patch, (height / patch) * (width / patch), captionTokens);
  }

  @Override
  public @Nullable String obstacleToFusion() {
    return obstacleToFusion(config, parameters);
  }

  @Override
  public Prediction prediction() {
    return Prediction.VELOCITY;
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  /**
   * Embeds captions and runs the context refiner, which knows nothing of time.
   *
   * @param condition features [B, L, captionDim]
   */
  @Override
  public Text read(Condition condition) {
    if (condition.features().size(2) != config.captionDim()) {
      throw new ModelException(
          "the model reads captions of width "
              + config.captionDim()
              + ", the text encoder gave "
              + condition.features());
    }
    List<Integer> lengths = condition.lengths();
    List<Integer> rows = new ArrayList<>();
    for (int n : lengths) {
      rows.add(filled(n));
    }
    int longest = rows.stream().mapToInt(r -> r).max().orElseThrow();
    Tensor features = condition.features();
    long known = Math.min(longest, features.size(1));
    Tensor embedded =
        captionEmbedder
            .forward(captionNorm.forward(features.narrow(1, 0, known)))
            .to(DType.FLOAT32);
    Tensor x =
        embedded
            .extend(1, longest)
            .mul(rowMask(lengths, 0, longest))
            .add(captionPad.value().mul(rowMask(rows, lengths, longest))); // [B, N, dim]
    Tensor turns = rope.caption(longest).unsqueeze(1); // [N, 1, headDim / 2]
    Tensor mask = keyMask(rows, longest);
    return new ZImageText(contextRefiner.forward(x, null, turns, mask), rows);
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    return features(x, t, text, List.of()).prediction();
  }

  @Override
  public int featureWidth(String name) {
    return config.dim();
  }

  /** {@code layers.0}, {@code layers.1}, …: after each block over image and caption. */
  @Override
  public List<String> featureNames() {
    return IntStream.range(0, config.layers()).mapToObj(i -> "layers." + i).toList();
  }

  /**
   * The velocity and the image's tokens after some of the blocks.
   *
   * @return features [B, N, dim] float32 of the N tokens of an image, row by row; those of the
   *     caption, whose number depends on the batch's longest, are left out
   */
  @Override
  public Features features(Tensor x, Tensor t, Text text, List<String> names) {
    Map<String, Tensor> features = new LinkedHashMap<>();
    Map<Integer, Consumer<Tensor>> taps = new LinkedHashMap<>();
    long tokens = (x.size(2) / patch) * (x.size(3) / patch);
    for (String name : names) {
      int block = featureNames().indexOf(name);
      if (block < 0) {
        throw new ModelException(
            "the model has no features '"
                + name
                + "', but layers.0 to layers."
                + (config.layers() - 1));
      }
      taps.put(block, stream -> features.put(name, stream.narrow(1, 0, tokens)));
    }
    Tensor prediction = forward(x, t, text, taps);
    return new Features(prediction, features);
  }

  private Tensor forward(Tensor x, Tensor t, Text text, Map<Integer, Consumer<Tensor>> taps) {
    ZImageText captions = ZImageText.of(text);
    requireInput(x, t, captions);
    int height = (int) x.size(2) / patch;
    int width = (int) x.size(3) / patch;
    int tokens = height * width;
    int imageRows = filled(tokens);

    Tensor time = timeEmbedding(t); // [B, modulationDim]
    Tensor image = embed(x, height, width, imageRows); // [B, imageRows, dim]
    Tensor imageTurns = imageTurns(captions, height, width, imageRows);
    image = noiseRefiner.forward(image, time, headed(imageTurns), null);

    // Image first, captions after: what pads a short caption to the longest is then at the end.
    Tensor joint = Tensor.cat(List.of(image, captions.features()), 1); // [B, imageRows + N, dim]
    Tensor turns = headed(jointTurns(imageTurns, captions));
    Tensor mask = jointMask(captions.rows(), imageRows, (int) joint.size(1));
    return head(layers.forward(joint, time, turns, mask, tokens, taps), time, height, width);
  }

  private void requireInput(Tensor x, Tensor t, ZImageText captions) {
    if (x.rank() != 4
        || x.size(1) != config.inChannels()
        || x.size(2) % patch != 0
        || x.size(3) % patch != 0
        || x.count() == 0
        || x.dtype() != DType.FLOAT32) {
      throw new ModelException(
          "the model takes float32 [B, "
              + config.inChannels()
              + ", H, W] with H and W multiples of "
              + patch
              + ", got "
              + x);
    }
    if (!t.hasShape(x.size(0)) || captions.batch() != x.size(0)) {
      throw new ModelException(
          "a batch of "
              + x.size(0)
              + " images needs as many times and captions, got "
              + t
              + " and "
              + captions.batch());
    }
  }

  /** The rows of a sequence of n tokens, pad rows included. */
  static int filled(int n) {
    int m = ZImageConfig.SEQUENCE_MULTIPLE;
    return (n + m - 1) / m * m;
  }

  /** Sinusoids of t·timeScale, cosines first, through two linear layers: [B, modulationDim]. */
  private Tensor timeEmbedding(Tensor t) {
    int half = TIME_SINUSOIDS / 2;
    float[] frequencies = new float[half];
    for (int i = 0; i < half; i++) {
      frequencies[i] = (float) Math.exp((float) (-Math.log(10_000) * i) / half);
    }
    Tensor f = Tensor.of(frequencies, 1, half).to(t.device());
    Tensor angles = t.mul(config.timeScale()).unsqueeze(1).mul(f); // [B, 128]
    Tensor sinusoids = Tensor.cat(List.of(angles.cos(), angles.sin()), 1); // [B, 256]
    return timeOut.forwardFloat32(timeIn.forwardFloat32(sinusoids).silu());
  }

  /** Patches, as (row, column, channel), embedded and filled up with pad tokens: [B, rows, dim]. */
  private Tensor embed(Tensor x, int height, int width, int rows) {
    long b = x.size(0);
    long c = x.size(1);
    Tensor patches =
        x.reshape(b, c, height, patch, width, patch)
            .permute(0, 2, 4, 3, 5, 1) // [B, h, w, p, p, C]
            .reshape(b, (long) height * width, (long) patch * patch * c);
    Tensor tokens = of(embedders).forward(patches).to(DType.FLOAT32); // [B, h·w, dim]
    int missing = rows - height * width;
    return missing == 0
        ? tokens
        : Tensor.cat(
            List.of(tokens, imagePad.value().unsqueeze(0).expand(b, missing, config.dim())), 1);
  }

  /**
   * Complex64 [rows, headDim / 2] if all captions take as many rows, else [B, rows, headDim / 2].
   */
  private Tensor imageTurns(ZImageText captions, int height, int width, int rows) {
    List<Integer> lengths = captions.rows();
    if (lengths.stream().distinct().count() == 1) {
      return rope.image(lengths.get(0), height, width, rows);
    }
    List<Tensor> each = new ArrayList<>();
    for (int n : lengths) {
      each.add(rope.image(n, height, width, rows));
    }
    return Tensor.stack(each, 0);
  }

  private Tensor jointTurns(Tensor imageTurns, ZImageText captions) {
    Tensor captionTurns = rope.caption((int) captions.features().size(1)); // [N, headDim / 2]
    if (imageTurns.rank() == 2) {
      return Tensor.cat(List.of(imageTurns, captionTurns), 0);
    }
    Tensor repeated =
        captionTurns
            .unsqueeze(0)
            .expand(imageTurns.size(0), captionTurns.size(0), captionTurns.size(1));
    return Tensor.cat(List.of(imageTurns, repeated), 1);
  }

  /** With a dimension for the heads before the last. */
  private static Tensor headed(Tensor turns) {
    return turns.unsqueeze(-2);
  }

  /** The last norm, modulated, then the velocity of each patch put in its place: [B, C, H, W]. */
  private Tensor head(Tensor tokens, Tensor time, int height, int width) {
    long b = tokens.size(0);
    int c = config.inChannels();
    Tensor scale =
        of(headModulations).forwardFloat32(time.silu()).add(1).unsqueeze(1); // [B, 1, dim]
    return of(heads)
        .forward(tokens.layerNorm(1e-6).mul(scale)) // [B, h·w, p·p·C]
        .to(DType.FLOAT32)
        .reshape(b, height, width, patch, patch, c)
        .permute(0, 5, 1, 3, 2, 4) // [B, C, h, p, w, p]
        .reshape(b, c, (long) height * patch, (long) width * patch);
  }

  private Linear of(Map<Integer, Linear> byPatch) {
    Linear layer = byPatch.get(patch);
    if (layer == null) {
      throw new IllegalStateException("no layer for patch size " + patch);
    }
    return layer;
  }

  /** [B, n, 1] with 1 in rows below each item's end and at or above {@code from}. */
  private Tensor rowMask(List<Integer> ends, int from, int n) {
    return rowMask(ends, java.util.Collections.nCopies(ends.size(), from), n);
  }

  private Tensor rowMask(List<Integer> ends, List<Integer> begins, int n) {
    float[] mask = new float[ends.size() * n];
    for (int i = 0; i < ends.size(); i++) {
      java.util.Arrays.fill(mask, i * n + begins.get(i), i * n + ends.get(i), 1);
    }
    return Tensor.of(mask, ends.size(), n, 1).to(parameters.device());
  }

  /** [B, 1, 1, n] with −∞ beyond each item's rows; null if no item is short. */
  private @Nullable Tensor keyMask(List<Integer> rows, int n) {
    return jointMask(rows, 0, n);
  }

  private @Nullable Tensor jointMask(List<Integer> rows, int before, int n) {
    if (rows.stream().allMatch(r -> before + r == n)) {
      return null;
    }
    float[] mask = new float[rows.size() * n];
    for (int i = 0; i < rows.size(); i++) {
      java.util.Arrays.fill(
          mask, i * n + before + rows.get(i), (i + 1) * n, Float.NEGATIVE_INFINITY);
    }
    return Tensor.of(mask, rows.size(), 1, 1, n).to(parameters.device());
  }

  @Override
  public ZImageTransformer copy() {
    Parameters p = Parameters.on(parameters.device(), parameters.precision());
    ZImageTransformer twin = new ZImageTransformer(config, p, patch);
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      p.copyFrom(parameters);
    }
    return twin;
  }

  @Override
  public void close() {
    rope.close();
    parameters.close();
  }
}
