package org.peltast.models.sdxl;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.DiffusionException;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.diffusion.VariancePreserving;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.ModelException;
import org.peltast.models.Sinusoids;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.ActivationCheckpointing;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Attention;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * SDXL's denoising network (Podell et al., 2023): a UNet of residual blocks and, on its lower
 * levels, transformers that attend to the text, conditioned on time, a pooled text feature and the
 * picture's sizes; diffusers' {@code UNet2DConditionModel} with {@code text_time} conditioning.
 *
 * <p>It reads the pooled feature as the condition's vector {@link #POOLED} and size ids, where
 * there are any, as {@link #SIZES}; without them pictures are taken to be whole and of the size
 * that is drawn.
 */
final class SdxlUNet implements Backbone, FeatureTaps {
  /** The condition's vector of the pooled text feature, [B, pooledWidth]. */
  static final String POOLED = "text_embeds";

  /** The condition's vector of original size, crop and target size, [B, 6] in pixels. */
  static final String SIZES = "time_ids";

  private static final String MIDDLE = "mid_block";

  /** Rows and columns of latents, far beyond any use. */
  private static final int LARGEST = 1 << 13;

  private final UNetConfig config;
  private final Prediction prediction;
  private final int timesteps;
  private final int factor;
  private final Parameters parameters;

  private final Sinusoids timeSinusoids;
  private final Sinusoids sizeSinusoids;
  private final Scope constants = Scope.detached();
  private final Map<List<Long>, Tensor> ownSizes = new HashMap<>(); // by height and width

  private final Conv2d convIn;
  private final Linear timeIn;
  private final Linear timeOut;
  private final Linear additionIn;
  private final Linear additionOut;
  private final List<Level> down = new ArrayList<>();
  private final ResidualBlock middle1;
  private final SpatialTransformer middleTransformer;
  private final ResidualBlock middle2;
  private final List<Level> up = new ArrayList<>();
  private final GroupNorm normOut;
  private final Conv2d convOut;

  /**
   * One level on one of the ways.
   *
   * @param transformers one behind each block, or none at all
   * @param resize the convolution that leaves the level for the next; null on the last
   */
  private record Level(
      List<ResidualBlock> blocks, List<SpatialTransformer> transformers, @Nullable Conv2d resize) {
    Tensor layer(int i, Tensor x, Tensor time, Tensor context, @Nullable Tensor mask) {
      Tensor h = blocks.get(i).forward(x, time);
      return transformers.isEmpty() ? h : transformers.get(i).forward(h, context, mask);
    }
  }

  /**
   * Declares the weights, all zero until they are initialised or loaded.
   *
   * @param schedule decides what is predicted and in how many timesteps
   * @param factor pixels to a latent in each direction, for the size ids
   */
  SdxlUNet(UNetConfig config, NoiseSchedule schedule, int factor, Parameters p) {
    this(config, schedule.prediction(), timesteps(schedule), factor, p);
  }

  private static int timesteps(NoiseSchedule schedule) {
    if (schedule.path() instanceof VariancePreserving path) {
      return path.steps();
    }
    throw new ModelException(
        "SDXL's UNet needs a variance-preserving schedule, but this is " + schedule.path());
  }

  private SdxlUNet(
      UNetConfig config, Prediction prediction, int timesteps, int factor, Parameters p) {
    this.config = config;
    this.prediction = prediction;
    this.timesteps = timesteps;
    this.factor = factor;
    this.parameters = p;
    List<Integer> widths = config.widths();
    int n = config.levels();
    int first = widths.get(0);
    int last = widths.get(n - 1);

    convIn =
        new Conv2d(
            p.at("conv_in"),
            config.channels(),
            first,
            config.kernelIn(),
            1,
            config.kernelIn() / 2,
            true);
    timeIn = new Linear(p.at("time_embedding").at("linear_1"), first, config.timeWidth(), true);
    timeOut = square(p.at("time_embedding").at("linear_2"));
    additionIn =
        new Linear(
            p.at("add_embedding").at("linear_1"), config.additionWidth(), config.timeWidth(), true);
    additionOut = square(p.at("add_embedding").at("linear_2"));

    int width = first;
    Deque<Integer> skips = new ArrayDeque<>(List.of(first)); // widths of what the way up reads
    for (int i = 0; i < n; i++) {
      Parameters level = p.at("down_blocks").at("" + i);
      List<ResidualBlock> blocks = new ArrayList<>();
      List<SpatialTransformer> transformers = new ArrayList<>();
      for (int j = 0; j < config.layers().get(i); j++) {
        blocks.add(new ResidualBlock(level.at("resnets").at("" + j), width, widths.get(i), config));
        width = widths.get(i);
        if (config.downAttends().get(i)) {
          transformers.add(transformer(level, j, i, config.downDepths().get(i).get(j)));
        }
        skips.push(width);
      }
      Conv2d resize = null;
      if (i < n - 1) {
        resize =
            new Conv2d(
                level.at("downsamplers").at("0").at("conv"),
                width,
                width,
                3,
                2,
                config.downPadding(),
                true);
        skips.push(width);
      }
      down.add(new Level(blocks, transformers, resize));
    }

    Parameters middle = p.at(MIDDLE);
    middle1 = new ResidualBlock(middle.at("resnets").at("0"), last, last, config);
    middleTransformer = transformer(middle, 0, n - 1, config.downDepths().get(n - 1).get(0));
    middle2 = new ResidualBlock(middle.at("resnets").at("1"), last, last, config);

    for (int u = 0; u < n; u++) {
      int i = n - 1 - u;
      Parameters level = p.at("up_blocks").at("" + u);
      List<ResidualBlock> blocks = new ArrayList<>();
      List<SpatialTransformer> transformers = new ArrayList<>();
      for (int j = 0; j <= config.layers().get(i); j++) {
        blocks.add(
            new ResidualBlock(
                level.at("resnets").at("" + j), width + skips.pop(), widths.get(i), config));
        width = widths.get(i);
        if (config.upAttends().get(u)) {
          transformers.add(transformer(level, j, i, config.upDepths().get(u).get(j)));
        }
      }
      Conv2d resize =
          u < n - 1
              ? new Conv2d(level.at("upsamplers").at("0").at("conv"), width, width, 3, 1, 1, true)
              : null;
      up.add(new Level(blocks, transformers, resize));
    }

    normOut = new GroupNorm(p.at("conv_norm_out"), config.groups(), first, config.normEps());
    convOut =
        new Conv2d(
            p.at("conv_out"),
            first,
            config.channels(),
            config.kernelOut(),
            1,
            config.kernelOut() / 2,
            Parameters.Init.zeros(),
            Parameters.Init.zeros());
    timeSinusoids =
        new Sinusoids(first, config.cosinesFirst(), config.frequencyShift(), p.device());
    sizeSinusoids =
        new Sinusoids(
            config.sizeSinusoids(), config.cosinesFirst(), config.frequencyShift(), p.device());
  }

  private Linear square(Parameters p) {
    return new Linear(p, config.timeWidth(), config.timeWidth(), true);
  }

  private SpatialTransformer transformer(Parameters level, int layer, int i, int depth) {
    return new SpatialTransformer(
        level.at("attentions").at("" + layer),
        config.widths().get(i),
        config.heads().get(i),
        depth,
        config);
  }

  // ------------------------------------------------------------------ computing

  @Override
  public Text read(Condition condition) {
    requireWidth(condition);
    Tensor pooled = config.pooledWidth() == 0 ? null : condition.vector(POOLED);
    if (pooled != null && !pooled.hasShape(condition.batch(), config.pooledWidth())) {
      throw new ModelException(
          "the model reads pooled text features of width "
              + config.pooledWidth()
              + ", the text encoder gave "
              + pooled);
    }
    Tensor sizes = condition.vectors().get(SIZES);
    if (sizes != null && !sizes.hasShape(condition.batch(), UNetConfig.SIZE_IDS)) {
      throw new ModelException("time_ids are six numbers a caption, got " + sizes);
    }
    return new SdxlText(condition.features(), condition.lengths(), pooled, sizes);
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    return features(x, t, text, List.of()).prediction();
  }

  /** The way down's, the middle's and the way up's feature maps, pixel by pixel. */
  @Override
  public List<String> featureNames() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < config.levels(); i++) {
      names.add("down_blocks." + i);
    }
    names.add(MIDDLE);
    for (int i = 0; i < config.levels(); i++) {
      names.add("up_blocks." + i);
    }
    return names;
  }

  @Override
  public int featureWidth(String name) {
    int place = featureNames().indexOf(name);
    if (place < 0) {
      throw new DiffusionException(
          "the network has no features '" + name + "'; there are " + featureNames());
    }
    int n = config.levels();
    return config.widths().get(place < n ? place : Math.min(2 * n - place, n - 1));
  }

  @Override
  public Features features(Tensor x, Tensor t, Text text, List<String> names) {
    names.forEach(this::featureWidth);
    // n = (1 − t)·N − 1, as VariancePreserving has it
    Tensor timestep = t.mul(-timesteps).add(timesteps - 1.0);
    Map<String, Tensor> taps = new LinkedHashMap<>();
    Tensor answer = answer(x, timestep, SdxlText.of(text), names, taps);
    Map<String, Tensor> ordered = new LinkedHashMap<>();
    names.forEach(
        name ->
            ordered.put(
                name, SpatialTransformer.rows(Objects.requireNonNull(taps.get(name), name))));
    return new Features(answer, ordered);
  }

  /**
   * The network's answer at timesteps.
   *
   * @param x [B, C, H, W] float32
   * @param timestep [B] float32, from 0, clean, to the schedule's last, noise
   */
  Tensor atTimesteps(Tensor x, Tensor timestep, SdxlText text) {
    return answer(x, timestep, text, List.of(), new LinkedHashMap<>());
  }

  private Tensor answer(
      Tensor x, Tensor timestep, SdxlText text, List<String> names, Map<String, Tensor> taps) {
    requireInput(x, timestep, text);
    Tensor time = Scope.compute(() -> embedded(x, timestep, text).silu()); // [B, timeWidth]
    Tensor context = text.features();
    Tensor mask = mask(text);
    Deque<Tensor> skips = new ArrayDeque<>();
    Tensor h = convIn.forward(x).to(DType.FLOAT32);
    skips.push(h);
    for (int i = 0; i < down.size(); i++) {
      Level level = down.get(i);
      for (int j = 0; j < level.blocks().size(); j++) {
        h = layer(level, j, h, time, context, mask);
        skips.push(h);
      }
      tap("down_blocks." + i, h, names, taps);
      if (level.resize() != null) {
        h = reduced(h, level.resize());
        skips.push(h);
      }
    }
    h =
        block(
            (x0, t0, c0, m0) ->
                middle2.forward(middleTransformer.forward(middle1.forward(x0, t0), c0, m0), t0),
            h,
            time,
            context,
            mask);
    tap(MIDDLE, h, names, taps);
    for (int i = 0; i < up.size(); i++) {
      Level level = up.get(i);
      for (int j = 0; j < level.blocks().size(); j++) {
        h = layer(level, j, Tensor.cat(List.of(h, skips.pop()), 1), time, context, mask);
      }
      tap("up_blocks." + i, h, names, taps);
      if (level.resize() != null) {
        Tensor like = skips.element(); // odd sizes come back to what they were
        h = level.resize().forward(h.upsampleNearest(like.size(2), like.size(3))).to(DType.FLOAT32);
      }
    }
    return convOut.forward(normOut.forward(h).silu()).to(DType.FLOAT32).contiguous();
  }

  /** A part of the network that may be computed again for the backward pass. */
  private interface Block {
    Tensor forward(Tensor x, Tensor time, Tensor context, @Nullable Tensor mask);
  }

  private Tensor layer(
      Level level, int i, Tensor x, Tensor time, Tensor context, @Nullable Tensor mask) {
    return block((x0, t0, c0, m0) -> level.layer(i, x0, t0, c0, m0), x, time, context, mask);
  }

  private Tensor block(Block block, Tensor x, Tensor time, Tensor context, @Nullable Tensor mask) {
    return ActivationCheckpointing.block(
        parameters,
        in ->
            block.forward(
                Objects.requireNonNull(in.get(0)),
                Objects.requireNonNull(in.get(1)),
                Objects.requireNonNull(in.get(2)),
                in.get(3)),
        x,
        time,
        context,
        mask);
  }

  private static void tap(String name, Tensor value, List<String> names, Map<String, Tensor> taps) {
    if (names.contains(name)) {
      taps.put(name, value);
    }
  }

  private Tensor reduced(Tensor x, Conv2d conv) {
    Tensor padded =
        config.downPadding() > 0 ? x : x.extend(3, x.size(3) + 1).extend(2, x.size(2) + 1);
    return conv.forward(padded).to(DType.FLOAT32);
  }

  /** Time, pooled text and sizes: [B, timeWidth]. */
  private Tensor embedded(Tensor x, Tensor timestep, SdxlText text) {
    Tensor time = timeOut.forwardFloat32(timeIn.forwardFloat32(timeSinusoids.of(timestep)).silu());
    Tensor sizes =
        text.sizes() == null
            ? ownSizes(x.size(2) * factor, x.size(3) * factor).expand(x.size(0), -1)
            : sinusoids(text.sizes());
    Tensor added = text.pooled() == null ? sizes : Tensor.cat(List.of(text.pooled(), sizes), 1);
    return time.add(additionOut.forwardFloat32(additionIn.forwardFloat32(added).silu()));
  }

  private Tensor sinusoids(Tensor sizes) {
    return sizeSinusoids
        .of(sizes.reshape(sizes.count()))
        .reshape(sizes.size(0), (long) UNetConfig.SIZE_IDS * config.sizeSinusoids());
  }

  /** The sinusoids of a whole picture's sizes, [1, 6·sizeSinusoids]. */
  private synchronized Tensor ownSizes(long height, long width) {
    return ownSizes.computeIfAbsent(
        List.of(height, width),
        key -> {
          try (Scope s = Scope.open();
              Autograd off = Autograd.off()) {
            float[] ids = {height, width, 0, 0, height, width};
            return constants.keep(
                sinusoids(Tensor.of(ids, 1, UNetConfig.SIZE_IDS).to(parameters.device())));
          }
        });
  }

  /** What keeps captions from attending to what pads them; null where nothing does. */
  private @Nullable Tensor mask(SdxlText text) {
    int longest = (int) text.features().size(1);
    if (text.lengths().stream().allMatch(n -> n == longest)) {
      return null;
    }
    long[] keys = new long[text.batch() * longest];
    for (int i = 0; i < text.batch(); i++) {
      Arrays.fill(keys, i * longest, i * longest + text.lengths().get(i), 1);
    }
    return Attention.bias(Tensor.of(keys, text.batch(), longest).to(parameters.device()));
  }

  private void requireInput(Tensor x, Tensor timestep, SdxlText text) {
    if (x.rank() != 4
        || x.size(1) != config.channels()
        || x.count() == 0
        || x.dtype() != DType.FLOAT32) {
      throw new ModelException(
          "the model takes float32 [B, " + config.channels() + ", H, W], got " + x);
    }
    if (!timestep.hasShape(x.size(0)) || text.batch() != x.size(0)) {
      throw new ModelException(
          "a batch of "
              + x.size(0)
              + " images needs as many times and captions, got "
              + timestep
              + " and "
              + text.batch());
    }
  }

  // ------------------------------------------------------------------ what it is

  /** The shape of this network. */
  UNetConfig config() {
    return config;
  }

  @Override
  public SdxlFamily family() {
    return SdxlFamily.INSTANCE;
  }

  @Override
  public Prediction prediction() {
    return prediction;
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  @Override
  public int channels() {
    return config.channels();
  }

  @Override
  public int multiple() {
    return 1;
  }

  @Override
  public long maxHeight() {
    return LARGEST;
  }

  @Override
  public long maxWidth() {
    return LARGEST;
  }

  @Override
  public List<Integer> sampleSize() {
    return config.sampleSize();
  }

  @Override
  public int captionWidth() {
    return config.contextWidth();
  }

  @Override
  public Condition blank(int items, int tokens) {
    Condition features = Backbone.super.blank(items, tokens);
    return config.pooledWidth() == 0
        ? features
        : new Condition(
            features.features(),
            features.lengths(),
            Map.of(
                POOLED,
                Tensor.zeros(DType.FLOAT32, parameters.device(), items, config.pooledWidth())));
  }

  @Override
  public ItemCost cost(int height, int width, int captionTokens) {
    return UNetCost.of(config, height, width, captionTokens);
  }

  @Override
  public @Nullable String obstacleToFusion() {
    return SdxlFamily.NO_KERNELS;
  }

  @Override
  public SdxlUNet copy() {
    SdxlUNet twin = new SdxlUNet(config, prediction, timesteps, factor, parameters.twin());
    twin.parameters.copyFrom(parameters);
    return twin;
  }

  @Override
  public SdxlUNet outline() {
    Parameters none = Parameters.on(Device.META, parameters.precision(), parameters.storage());
    return new SdxlUNet(config, prediction, timesteps, factor, none);
  }

  @Override
  public SdxlUNet adapted(Adapters adapters) {
    return new SdxlUNet(config, prediction, timesteps, factor, parameters.adapted(adapters));
  }

  @Override
  public void close() {
    timeSinusoids.close();
    sizeSinusoids.close();
    constants.close();
    parameters.close();
  }
}
