package org.peltast.models.lumina2;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.Prediction;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.Sinusoids;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.models.nextdit.LayerTaps;
import org.peltast.models.nextdit.Patches;
import org.peltast.models.nextdit.RefinedCaptions;
import org.peltast.models.nextdit.RotaryAttention;
import org.peltast.models.nextdit.RotaryPositions;
import org.peltast.models.nextdit.SandwichBlock;
import org.peltast.models.nextdit.TransformerCost;
import org.peltast.models.nextdit.fused.FusedBlocks;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;
import org.peltast.tensor.nn.SwiGlu;

/**
 * The Lumina-Image 2.0 transformer (Qin et al., 2025), complete: noise and context refiners, a
 * joint stream of caption and image, grouped-query attention with normalised and rotated queries
 * and keys on three axes, sandwich norms modulated by time, ragged captions.
 *
 * <p>The reference packs each item's caption and image without a gap, the caption first. Here the
 * image comes first and a short caption is masked behind it, which is the same: places are told by
 * the rotary embedding alone, caption row j at (j, 0, 0) and the image at (n, row, column) behind a
 * caption of n tokens.
 *
 * <p>It answers the velocity {@code x₀ − ε} in the paper's time (t = 0 noise): the very number that
 * the reference network computes, before its pipeline turns the sign for a scheduler that counts
 * the other way.
 */
public final class Lumina2Transformer implements Backbone, FeatureTaps {
  private static final int TIME_SINUSOIDS = 256;
  private static final double LAST_NORM_EPS = 1e-6;

  private final Lumina2Config config;
  private final Parameters parameters;
  private final Linear patchEmbedder; // [dim, patch²·C]
  private final Linear timeIn; // [modulationDim, 256]
  private final Linear timeOut; // [modulationDim, modulationDim]
  private final RmsNorm captionNorm; // [captionDim]
  private final Linear captionEmbedder; // [dim, captionDim]
  private final BlockStack noiseRefiner;
  private final BlockStack contextRefiner;
  private final BlockStack layers;
  private final Linear headModulation; // [dim, modulationDim]
  private final Linear head; // [patch²·C, dim]
  private final RotaryPositions positions;
  private final Sinusoids sinusoids;

  /** A network of that shape, all weights zero until initialised or loaded. */
  public Lumina2Transformer(Lumina2Config config, Parameters parameters) {
    this(config, parameters, FusedBlocks.obstacle(sizes(config), parameters) == null);
  }

  /** Like the other constructor, with or without the fused kernels whatever the policy. */
  Lumina2Transformer(Lumina2Config config, Parameters parameters, boolean fusing) {
    this.config = config;
    this.parameters = parameters;
    int dim = config.dim();
    int timeDim = config.modulationDim();
    long values = (long) config.patch() * config.patch() * config.inChannels();
    patchEmbedder = new Linear(parameters.at("x_embedder"), values, dim, true);

    Parameters embedders = parameters.at("time_caption_embed");
    Parameters time = embedders.at("timestep_embedder");
    timeIn = new Linear(time.at("linear_1"), TIME_SINUSOIDS, timeDim, true);
    timeOut = new Linear(time.at("linear_2"), timeDim, timeDim, true);
    Parameters caption = embedders.at("caption_embedder");
    captionNorm = new RmsNorm(caption.at("0"), config.captionDim(), config.normEps());
    captionEmbedder = new Linear(caption.at("1"), config.captionDim(), dim, true);

    noiseRefiner = blocks("noise_refiner", config.refinerLayers(), true, fusing);
    contextRefiner = blocks("context_refiner", config.refinerLayers(), false, fusing);
    layers = blocks("layers", config.layers(), true, fusing);

    Parameters last = parameters.at("norm_out");
    Parameters.Init zeros = Parameters.Init.zeros();
    headModulation = new Linear(last.at("linear_1"), timeDim, dim, zeros, zeros);
    head = new Linear(last.at("linear_2"), dim, values, zeros, zeros);
    positions =
        new RotaryPositions(
            new RotaryPositions.Settings(
                Lumina2Config.ROPE_THETA, config.axesDims(), config.axesLens(), false),
            parameters.device());
    sinusoids = new Sinusoids(TIME_SINUSOIDS, parameters.device());
  }

  private static FusedBlocks.Sizes sizes(Lumina2Config config) {
    return new FusedBlocks.Sizes(
        config.dim(), config.heads(), config.groups(), config.feedForwardDim(), config.normEps());
  }

  private BlockStack blocks(String name, int count, boolean modulated, boolean fusing) {
    List<SandwichBlock> blocks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      blocks.add(block(parameters.at(name).at("" + i), modulated));
    }
    return new BlockStack(
        blocks,
        parameters,
        count > 0 && fusing ? FusedBlocks.of(blocks, sizes(config), parameters) : null);
  }

  /**
   * {@code norm1} and {@code norm2} are attention's, {@code ffn_norm1} and {@code ffn_norm2} the
   * feed-forward's.
   */
  private SandwichBlock block(Parameters p, boolean modulated) {
    int dim = config.dim();
    int hidden = config.feedForwardDim();
    double eps = config.normEps();
    RotaryAttention attention =
        new RotaryAttention(
            p.at("attn"), new RotaryAttention.Shape(dim, config.heads(), config.groups(), true));
    Parameters feedForward = p.at("feed_forward");
    SwiGlu swiGlu =
        new SwiGlu(
            new Linear(feedForward.at("linear_1"), dim, hidden, false),
            new Linear(feedForward.at("linear_2"), hidden, dim, false),
            new Linear(feedForward.at("linear_3"), dim, hidden, false));
    Parameters norm1 = p.at("norm1");
    Linear modulation =
        modulated
            ? new Linear(
                norm1.at("linear"),
                config.modulationDim(),
                4L * dim,
                Parameters.Init.zeros(),
                SandwichBlock.modulationBias())
            : null;
    return new SandwichBlock(
        attention,
        swiGlu,
        new RmsNorm(modulated ? norm1.at("norm") : norm1, dim, eps),
        new RmsNorm(p.at("norm2"), dim, eps),
        new RmsNorm(p.at("ffn_norm1"), dim, eps),
        new RmsNorm(p.at("ffn_norm2"), dim, eps),
        modulation);
  }

  /** The shape of this network. */
  public Lumina2Config config() {
    return config;
  }

  @Override
  public Lumina2Family family() {
    return Lumina2Family.INSTANCE;
  }

  @Override
  public int channels() {
    return config.inChannels();
  }

  @Override
  public int multiple() {
    return config.patch();
  }

  /** The image has the place after the caption's. */
  @Override
  public int maxTokens() {
    return Math.max(1, config.axesLens().get(0) - 1);
  }

  @Override
  public long maxHeight() {
    return (long) config.axesLens().get(1) * config.patch();
  }

  @Override
  public long maxWidth() {
    return (long) config.axesLens().get(2) * config.patch();
  }

  @Override
  public int captionWidth() {
    return config.captionDim();
  }

  @Override
  public ItemCost cost(int height, int width, int captionTokens) {
    int tokens = (height / config.patch()) * (width / config.patch());
    return new TransformerCost(
            config.dim(),
            config.feedForwardDim(),
            config.heads(),
            config.groups(),
            config.layers(),
            config.refinerLayers(),
            config.captionDim(),
            TIME_SINUSOIDS,
            config.modulationDim(),
            config.modulationDim(),
            config.patch() * config.patch() * config.inChannels())
        .of(tokens, tokens, captionTokens);
  }

  @Override
  public @Nullable String obstacleToFusion() {
    return FusedBlocks.obstacle(sizes(config), parameters);
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
    List<Integer> rows = condition.lengths();
    int longest = rows.stream().mapToInt(r -> r).max().orElseThrow();
    Tensor x =
        captionEmbedder
            .forward(captionNorm.forward(condition.features().narrow(1, 0, longest)))
            .to(DType.FLOAT32); // [B, N, dim]
    Tensor places = RotaryPositions.headed(positions.caption(0, longest));
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
    int patch = config.patch();
    Patches.requireInput(x, t, captions, config.inChannels(), patch);
    int height = (int) x.size(2) / patch;
    int width = (int) x.size(3) / patch;
    int tokens = height * width;

    Tensor time = timeEmbedding(t).silu(); // [B, modulationDim], as every modulation takes it
    Tensor image = patchEmbedder.forward(Patches.of(x, patch)).to(DType.FLOAT32); // [B, h·w, dim]
    Tensor imagePlaces = positions.images(captions.rows(), height, width, tokens);
    image = noiseRefiner.forward(image, time, RotaryPositions.headed(imagePlaces), null);

    Tensor joint = Tensor.cat(List.of(image, captions.features()), 1); // [B, h·w + N, dim]
    Tensor captionPlaces = positions.caption(0, (int) captions.features().size(1));
    Tensor jointPlaces = RotaryPositions.headed(RotaryPositions.joint(imagePlaces, captionPlaces));
    LayerTaps taps = new LayerTaps(names, config.layers(), tokens);
    joint = layers.forward(joint, time, jointPlaces, captions.mask(tokens), tokens, taps.taps());

    Tensor scale = headModulation.forwardFloat32(time).add(1).unsqueeze(1); // [B, 1, dim]
    Tensor velocities = head.forward(joint.layerNorm(LAST_NORM_EPS).mul(scale)); // [B, h·w, p·p·C]
    return taps.with(Patches.joined(velocities.to(DType.FLOAT32), patch, height, width));
  }

  /** Sinusoids of t itself through two linear layers: [B, modulationDim]. */
  private Tensor timeEmbedding(Tensor t) {
    return timeOut.forwardFloat32(timeIn.forwardFloat32(sinusoids.of(t)).silu());
  }

  @Override
  public Lumina2Transformer copy() {
    Lumina2Transformer twin = new Lumina2Transformer(config, parameters.twin());
    twin.parameters.copyFrom(parameters);
    return twin;
  }

  @Override
  public Lumina2Transformer outline() {
    Parameters none = Parameters.on(Device.META, parameters.precision(), parameters.storage());
    return new Lumina2Transformer(config, none);
  }

  @Override
  public Lumina2Transformer adapted(Adapters adapters) {
    return new Lumina2Transformer(config, parameters.adapted(adapters));
  }

  @Override
  public void close() {
    positions.close();
    sinusoids.close();
    parameters.close();
  }
}
