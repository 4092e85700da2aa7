package org.peltast.models.zimage;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Prediction;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.ModelException;
import org.peltast.models.Sinusoids;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.models.nextdit.LayerTaps;
import org.peltast.models.nextdit.Patches;
import org.peltast.models.nextdit.RefinedCaptions;
import org.peltast.models.nextdit.RotaryPositions;
import org.peltast.models.nextdit.TransformerCost;
import org.peltast.models.nextdit.fused.FusedBlocks;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;

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
  private static final int TIME_SINUSOIDS = 256;
  private static final int TIME_HIDDEN = 1024;

  /** Where a caption's first row is on the first axis. */
  private static final int CAPTION_PLACE = 1;

  private final ZImageConfig config;
  private final int patch;
  private final Parameters parameters;
  private final Map<Integer, Linear> embedders = new LinkedHashMap<>(); // [dim, patch²·C]
  private final Map<Integer, Linear> heads = new LinkedHashMap<>(); // [patch²·C, dim]
  private final Map<Integer, Linear> headModulations =
      new LinkedHashMap<>(); // [dim, modulationDim]
  private final BlockStack noiseRefiner;
  private final BlockStack contextRefiner;
  private final BlockStack layers;
  private final Linear timeIn; // [1024, 256]
  private final Linear timeOut; // [modulationDim, 1024]
  private final RmsNorm captionNorm; // [captionDim]
  private final Linear captionEmbedder; // [dim, captionDim]
  private final Parameter imagePad; // [1, dim]
  private final Parameter captionPad; // [1, dim]
  private final RotaryPositions positions;
  private final Sinusoids sinusoids;

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
    noiseRefiner = Blocks.of(parameters, "noise_refiner", refiners, config, true, fusing);
    contextRefiner = Blocks.of(parameters, "context_refiner", refiners, config, false, fusing);
    Parameters time = parameters.at("t_embedder").at("mlp");
    timeIn = new Linear(time.at("0"), TIME_SINUSOIDS, TIME_HIDDEN, true);
    timeOut = new Linear(time.at("2"), TIME_HIDDEN, config.modulationDim(), true);
    captionNorm =
        new RmsNorm(parameters.at("cap_embedder").at("0"), config.captionDim(), config.normEps());
    captionEmbedder =
        new Linear(parameters.at("cap_embedder").at("1"), config.captionDim(), dim, true);
    imagePad = parameters.declare("x_pad_token", new Parameters.Init.Normal(0.02), 1, dim);
    captionPad = parameters.declare("cap_pad_token", new Parameters.Init.Normal(0.02), 1, dim);
    layers = Blocks.of(parameters, "layers", config.layers(), config, true, fusing);
    positions =
        new RotaryPositions(
            new RotaryPositions.Settings(
                config.ropeTheta(), config.axesDims(), config.axesLens(), true),
            parameters.device());
    sinusoids = new Sinusoids(TIME_SINUSOIDS, parameters.device());
  }

  /**
   * Why a network of that shape and on that device is computed by the plain operators; null if its
   * blocks are computed by the fused kernels, which give the same in less time.
   */
  public static @Nullable String obstacleToFusion(ZImageConfig config, Parameters parameters) {
    return config.qkNorm()
        ? FusedBlocks.obstacle(Blocks.sizes(config), parameters)
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

  /** Captions are filled up to whole multiples; the image has the place after them. */
  @Override
  public int maxTokens() {
    int m = ZImageConfig.SEQUENCE_MULTIPLE;
    return Math.max(1, (config.axesLens().get(0) - CAPTION_PLACE - 1) / m * m);
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
    int tokens = (height / patch) * (width / patch);
    return new TransformerCost(
            config.dim(),
            config.feedForwardDim(),
            config.heads(),
            config.heads(),
            config.layers(),
            config.refinerLayers(),
            config.captionDim(),
            TIME_SINUSOIDS,
            TIME_HIDDEN,
            config.modulationDim(),
            patch * patch * config.inChannels())
        .of(tokens, filled(tokens), filled(captionTokens));
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
    requireWidth(condition);
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
            .add(float32(captionPad).mul(rowMask(rows, lengths, longest))); // [B, N, dim]
    Tensor places = RotaryPositions.headed(positions.caption(CAPTION_PLACE, longest));
    Tensor mask = RefinedCaptions.mask(rows, parameters.device());
    return new RefinedCaptions(contextRefiner.forward(x, null, places, mask), rows);
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    return features(x, t, text, List.of()).prediction();
  }

  @Override
  public int featureWidth(String name) {
    return config.dim();
  }

  /** See {@link LayerTaps}. */
  @Override
  public List<String> featureNames() {
    return LayerTaps.names(config.layers());
  }

  @Override
  public Features features(Tensor x, Tensor t, Text text, List<String> names) {
    RefinedCaptions captions = RefinedCaptions.of(text);
    Patches.requireInput(x, t, captions, config.inChannels(), patch);
    int height = (int) x.size(2) / patch;
    int width = (int) x.size(3) / patch;
    int tokens = height * width;
    int imageRows = filled(tokens);

    Tensor time = timeEmbedding(t); // [B, modulationDim]
    Tensor image = embed(x, tokens, imageRows); // [B, imageRows, dim]
    List<Integer> places = captions.rows().stream().map(n -> CAPTION_PLACE + n).toList();
    Tensor imagePlaces = positions.images(places, height, width, imageRows);
    image = noiseRefiner.forward(image, time, RotaryPositions.headed(imagePlaces), null);

    Tensor joint = Tensor.cat(List.of(image, captions.features()), 1); // [B, imageRows + N, dim]
    Tensor captionPlaces = positions.caption(CAPTION_PLACE, (int) captions.features().size(1));
    Tensor jointPlaces = RotaryPositions.headed(RotaryPositions.joint(imagePlaces, captionPlaces));
    LayerTaps taps = new LayerTaps(names, config.layers(), tokens);
    joint = layers.forward(joint, time, jointPlaces, captions.mask(imageRows), tokens, taps.taps());
    return taps.with(head(joint, time, height, width));
  }

  /** The rows of a sequence of n tokens, pad rows included. */
  static int filled(int n) {
    int m = ZImageConfig.SEQUENCE_MULTIPLE;
    return (n + m - 1) / m * m;
  }

  /** Sinusoids of t·timeScale, cosines first, through two linear layers: [B, modulationDim]. */
  private Tensor timeEmbedding(Tensor t) {
    return timeOut.forwardFloat32(
        timeIn.forwardFloat32(sinusoids.of(t.mul(config.timeScale()))).silu());
  }

  /** Patches embedded and filled up with pad tokens: [B, rows, dim]. */
  private Tensor embed(Tensor x, int count, int rows) {
    Tensor tokens = of(embedders).forward(Patches.of(x, patch)).to(DType.FLOAT32); // [B, h·w, dim]
    int missing = rows - count;
    return missing == 0
        ? tokens
        : Tensor.cat(
            List.of(
                tokens, float32(imagePad).unsqueeze(0).expand(x.size(0), missing, config.dim())),
            1);
  }

  private static Tensor float32(Parameter pad) {
    return pad.value().to(DType.FLOAT32);
  }

  /** The last norm, modulated, then the velocity of each patch put in its place: [B, C, H, W]. */
  private Tensor head(Tensor tokens, Tensor time, int height, int width) {
    Tensor scale =
        of(headModulations).forwardFloat32(time.silu()).add(1).unsqueeze(1); // [B, 1, dim]
    Tensor velocities = of(heads).forward(tokens.layerNorm(1e-6).mul(scale)); // [B, h·w, p·p·C]
    return Patches.joined(velocities.to(DType.FLOAT32), patch, height, width);
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

  @Override
  public ZImageTransformer copy() {
    ZImageTransformer twin = new ZImageTransformer(config, parameters.twin(), patch);
    twin.parameters.copyFrom(parameters);
    return twin;
  }

  @Override
  public ZImageTransformer outline() {
    Parameters none = Parameters.on(Device.META, parameters.precision(), parameters.storage());
    return new ZImageTransformer(config, none, patch);
  }

  @Override
  public ZImageTransformer adapted(Adapters adapters) {
    return new ZImageTransformer(config, parameters.adapted(adapters), patch);
  }

  @Override
  public void close() {
    positions.close();
    sinusoids.close();
    parameters.close();
  }
}
