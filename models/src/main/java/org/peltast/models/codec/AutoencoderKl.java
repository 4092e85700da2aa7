package org.peltast.models.codec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.peltast.models.ModelException;
import org.peltast.models.files.Component;
import org.peltast.models.files.FileSample;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.JsonConfig;
import org.peltast.models.files.Weights;
import org.peltast.safetensors.Checkpoint;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Conv2d;
import org.peltast.tensor.nn.GroupNorm;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * The variational autoencoder of latent diffusion (Rombach et al., 2022), as diffusers' {@code
 * AutoencoderKL} has it: residual blocks with group norms, one attention at the lowest resolution.
 * It computes in float32, for in half precision some of the published ones overflow. As a codec it
 * encodes to the mean.
 *
 * <p>Without gradients, large pictures are computed one by one and in {@link Strips}, with the same
 * result in bounded memory.
 */
public final class AutoencoderKl implements Codec {
  static final String CLASS = "AutoencoderKL";

  private static final double EPS = 1e-6;

  private static final Set<String> KEYS =
      Set.of(
          "act_fn",
          "block_out_channels",
          "down_block_types",
          "force_upcast", // it computes in float32 always
          "in_channels",
          "latent_channels",
          "latents_mean",
          "latents_std",
          "layers_per_block",
          "mid_block_add_attention",
          "norm_num_groups",
          "out_channels",
          "sample_size", // the edge of its pictures; tiles are not used
          "scaling_factor",
          "shift_factor",
          "up_block_types",
          "use_post_quant_conv",
          "use_quant_conv");

  private final Parameters parameters;
  private final Component component;
  private final int channels;
  private final int factor;
  private @Nullable String id;
  private final int narrowest; // channels of the maps of a picture's own size
  private final List<UnaryOperator<Tensor>> encoder = new ArrayList<>();
  private final List<UnaryOperator<Tensor>> decoder = new ArrayList<>();
  private Strips strips = Strips.STANDARD;

  private AutoencoderKl(Component component, JsonConfig json, Parameters p) {
    this.parameters = p;
    this.component = component;
    json.requireKnown(KEYS);
    channels = json.integer("latent_channels", 4);
    List<Integer> widths = json.integers("block_out_channels", List.of(64));
    int layers = json.integer("layers_per_block", 1);
    int groups = json.integer("norm_num_groups", 32);
    boolean attend = json.bool("mid_block_add_attention", true);
    require(json, channels >= 1 && groups >= 1, "its sizes must be positive");
    require(
        json,
        layers >= 1 && layers <= JsonConfig.MOST_LAYERS,
        "layers_per_block must be from 1 to " + JsonConfig.MOST_LAYERS + ", got " + layers);
    require(
        json,
        !widths.isEmpty() && widths.stream().allMatch(w -> w >= 1 && w % groups == 0),
        "block_out_channels " + widths + " must be multiples of norm_num_groups " + groups);
    require(
        json,
        json.integer("in_channels", 3) == 3 && json.integer("out_channels", 3) == 3,
        "in_channels and out_channels must be 3");
    require(json, json.string("act_fn", "silu").equals("silu"), "act_fn must be silu");
    requireBlocks(json, "down_block_types", "DownEncoderBlock2D", widths.size());
    requireBlocks(json, "up_block_types", "UpDecoderBlock2D", widths.size());
    factor = 1 << (widths.size() - 1);
    narrowest = widths.get(0);
    int last = widths.size() - 1;
    Weights.requirePlausible(
        json, component, p.device(), described(widths, layers, channels, attend));

    Parameters e = p.at("encoder");
    Conv2d first = convolution(e.at("conv_in"), 3, widths.get(0));
    encoder.add(x -> convolve(first, x, widths.get(0)));
    int width = widths.get(0);
    for (int i = 0; i <= last; i++) {
      Parameters block = e.at("down_blocks").at("" + i);
      for (int j = 0; j < layers; j++) {
        encoder.add(
            new Resnet(block.at("resnets").at("" + j), width, widths.get(i), groups)::forward);
        width = widths.get(i);
      }
      if (i < last) {
        Conv2d down =
            new Conv2d(block.at("downsamplers").at("0").at("conv"), width, width, 3, 2, 0, true);
        encoder.add(
            x -> strips.cuts(x, x.count()) ? strips.halve(down, x) : down.forward(padded(x)));
      }
    }
    middle(encoder, e.at("mid_block"), width, groups, attend);
    finish(encoder, e, width, 2 * channels, groups);
    if (json.bool("use_quant_conv", true)) {
      encoder.add(
          new Conv2d(p.at("quant_conv"), 2L * channels, 2L * channels, 1, 1, 0, true)::forward);
    }

    if (json.bool("use_post_quant_conv", true)) {
      decoder.add(new Conv2d(p.at("post_quant_conv"), channels, channels, 1, 1, 0, true)::forward);
    }
    Parameters d = p.at("decoder");
    decoder.add(convolution(d.at("conv_in"), channels, width)::forward);
    middle(decoder, d.at("mid_block"), width, groups, attend);
    for (int i = 0; i <= last; i++) {
      Parameters block = d.at("up_blocks").at("" + i);
      int to = widths.get(last - i);
      for (int j = 0; j <= layers; j++) {
        decoder.add(new Resnet(block.at("resnets").at("" + j), width, to, groups)::forward);
        width = to;
      }
      if (i < last) {
        Conv2d up = convolution(block.at("upsamplers").at("0").at("conv"), width, width);
        int channelsHere = width;
        decoder.add(
            x ->
                strips.cuts(x, 4 * x.count())
                    ? strips.convolve(up, x, y -> y, channelsHere, 2, null)
                    : up.forward(x.upsampleNearest(2 * x.size(2), 2 * x.size(3))));
      }
    }
    finish(decoder, d, width, 3, groups);
  }

  /** How many weights its largest matrices have: 3 × 3 kernels, two in each residual block. */
  private static double described(List<Integer> widths, int layers, int channels, boolean attend) {
    double widest = widths.get(widths.size() - 1);
    double all = (4 * 18 + (attend ? 8 : 0)) * widest * widest + 27 * widest * channels;
    for (double width : widths) {
      all += (2.0 * layers + 1) * 18 * width * width;
    }
    return all;
  }

  private static void require(JsonConfig json, boolean condition, String sentence) {
    if (!condition) {
      throw new ModelException(json.file() + ": " + sentence);
    }
  }

  private static void requireBlocks(JsonConfig json, String key, String type, int count) {
    List<@Nullable String> types = json.strings(key);
    require(
        json,
        types.size() == count && types.stream().allMatch(type::equals),
        key + " must be " + count + " times " + type + ", but is " + types);
  }

  private void middle(
      List<UnaryOperator<Tensor>> layers, Parameters p, int width, int groups, boolean attend) {
    layers.add(new Resnet(p.at("resnets").at("0"), width, width, groups)::forward);
    if (attend) {
      layers.add(new PixelAttention(p.at("attentions").at("0"), width, groups)::forward);
    }
    layers.add(new Resnet(p.at("resnets").at("1"), width, width, groups)::forward);
  }

  private void finish(
      List<UnaryOperator<Tensor>> layers, Parameters p, int width, int out, int groups) {
    GroupNorm norm = new GroupNorm(p.at("conv_norm_out"), groups, width, EPS);
    Conv2d conv = convolution(p.at("conv_out"), width, out);
    layers.add(
        x -> {
          if (!strips.cuts(x, x.count())) {
            return conv.forward(norm.forward(x).silu());
          }
          Strips.Pointwise normed = strips.normalised(norm, x);
          return strips.convolve(conv, x, y -> normed.apply(y).silu(), out, 1, null);
        });
  }

  private Tensor convolve(Conv2d conv, Tensor x, int out) {
    return strips.cuts(x, x.count() / x.size(1) * out)
        ? strips.convolve(conv, x, y -> y, out, 1, null)
        : conv.forward(x);
  }

  /**
   * The tensors of a checkpoint in the latent diffusion code's file, without what stands before
   * them.
   *
   * @param parameters the checkpoint's own names, those of diffusers
   */
  public static List<ForeignTensor> singleFile(List<String> parameters) {
    return AutoencoderKlKeys.singleFile(parameters);
  }

  /** Cuts maps of other sizes, for tests. */
  void cut(Strips other) {
    strips = other;
  }

  /** A 3 × 3 convolution with bias that keeps the size. */
  private static Conv2d convolution(Parameters p, int in, int out) {
    return new Conv2d(p, in, out, 3, 1, 1, true);
  }

  /** One column of zeros on the right and one row below: [B, C, H + 1, W + 1]. */
  private static Tensor padded(Tensor x) {
    return x.extend(3, x.size(3) + 1).extend(2, x.size(2) + 1);
  }

  /** Reads {@code config.json} and weights. */
  static AutoencoderKl load(Component component, JsonConfig json, Device device) {
    Parameters p = Parameters.on(device, Precision.FLOAT32);
    try {
      AutoencoderKl codec = new AutoencoderKl(component, json, p);
      Weights.load(
          component,
          p,
          AutoencoderKlKeys.dialects(json.integers("block_out_channels", List.of(64)).size()));
      return codec;
    } catch (RuntimeException e) {
      p.close();
      throw e;
    }
  }

  /** How latents are scaled for the network: {@code (z − shift_factor)·scaling_factor}. */
  static Normalisation normalisation(JsonConfig json) {
    int channels = json.integer("latent_channels", 4);
    double scaling = json.number("scaling_factor", 0.18215);
    require(json, scaling > 0, "scaling_factor must be positive, but is " + scaling);
    if (json.has("latents_mean") || json.has("latents_std")) {
      return new Normalisation(
          json.numbers("latents_mean", null),
          json.numbers("latents_std", null).stream().map(s -> s / scaling).toList());
    }
    return Normalisation.uniform(channels, json.number("shift_factor", 0.0), 1 / scaling);
  }

  /**
   * Writes configuration and weights into a folder: as they were read if they are as diffusers
   * reads them, else in float32 and under diffusers' names.
   */
  void write(Path folder) throws IOException {
    Files.copy(component.config(), folder.resolve("config.json"));
    Path weights = component.weights();
    try (Checkpoint checkpoint = Checkpoint.open(weights)) {
      if (!checkpoint.tensors().keySet().equals(parameters.values().keySet())
          || checkpoint.tensors().values().stream().anyMatch(t -> DType.of(t.type()) == null)) {
        Weights.write(folder, parameters.values(), DType.FLOAT32);
        return;
      }
      Set<Path> files = new LinkedHashSet<>(checkpoint.files());
      files.add(weights);
      for (Path file : files) {
        Files.copy(file, folder.resolve(String.valueOf(file.getFileName())));
      }
    }
  }

  /**
   * The posterior over latents.
   *
   * @param images [B, 3, H, W] in [−1, 1]
   * @return mean and logarithm of the variance, the latter within [−30, 20], each [B, C, h, w]
   */
  public List<Tensor> posterior(Tensor images) {
    List<Tensor> halves = through(encoder, images, images.size(2) * images.size(3)).chunk(2, 1);
    return List.of(halves.get(0), halves.get(1).clamp(-30, 20));
  }

  /** Latents [B, C, h, w] to pictures [B, 3, H, W] in [−1, 1]. */
  public Tensor picture(Tensor latents) {
    return through(decoder, latents, latents.size(2) * latents.size(3) * factor * factor);
  }

  /** Of class and files: another model's latents are others. */
  @Override
  public synchronized String id() {
    String known = id;
    if (known == null) {
      try {
        known = "autoencoder-kl-" + FileSample.of(component.files());
      } catch (IOException e) {
        throw new ModelException(
            component.folder() + " cannot be read (" + e.getMessage() + ")", e);
      }
      id = known;
    }
    return known;
  }

  @Override
  public int channels() {
    return channels;
  }

  @Override
  public int factor() {
    return factor;
  }

  @Override
  public Tensor encode(Tensor images) {
    CodecInputs.requireImages(this, images);
    return Scope.compute(() -> posterior(images.mul(2).sub(1)).get(0));
  }

  @Override
  public Tensor decode(Tensor latents) {
    CodecInputs.requireLatents(this, latents);
    return Scope.compute(() -> picture(latents).add(1).mul(0.5));
  }

  /**
   * Through all layers, large pictures one by one.
   *
   * @param pixels of a picture
   */
  private Tensor through(List<UnaryOperator<Tensor>> layers, Tensor x, long pixels) {
    boolean large = !Autograd.isOn() && (double) x.size(0) * pixels * narrowest > strips.whole();
    if (!large || x.size(0) == 1) {
      return one(layers, x);
    }
    return Scope.compute(
        () -> {
          List<Tensor> all = new ArrayList<>();
          for (int i = 0; i < x.size(0); i++) {
            all.add(one(layers, x.narrow(0, i, 1)));
          }
          return Tensor.cat(all, 0);
        });
  }

  /** Holds no more than a layer's input and output. */
  private static Tensor one(List<UnaryOperator<Tensor>> layers, Tensor x) {
    Scope held = Scope.detached();
    try (Scope scope = Scope.open()) {
      Tensor y = x;
      for (UnaryOperator<Tensor> layer : layers) {
        Tensor in = y;
        Tensor next = Scope.compute(() -> layer.apply(in));
        Scope after = Scope.detached();
        y = after.keep(next);
        held.close();
        held = after;
      }
      return scope.release(scope.keep(y));
    } finally {
      held.close();
    }
  }

  @Override
  public void close() {
    parameters.close();
  }

  /** {@code skip(x) + conv₂(silu(norm₂(conv₁(silu(norm₁(x))))))}. */
  private final class Resnet {
    private final GroupNorm norm1;
    private final Conv2d conv1;
    private final GroupNorm norm2;
    private final Conv2d conv2;
    private final @Nullable Conv2d shortcut; // 1 × 1, where the width changes
    private final int width;

    Resnet(Parameters p, int in, int out, int groups) {
      width = out;
      norm1 = new GroupNorm(p.at("norm1"), groups, in, EPS);
      conv1 = convolution(p.at("conv1"), in, out);
      norm2 = new GroupNorm(p.at("norm2"), groups, out, EPS);
      conv2 = convolution(p.at("conv2"), out, out);
      shortcut = in == out ? null : new Conv2d(p.at("conv_shortcut"), in, out, 1, 1, 0, true);
    }

    Tensor forward(Tensor x) {
      if (strips.cuts(x, x.count() / x.size(1) * width)) {
        return inStrips(x);
      }
      Tensor h = conv1.forward(norm1.forward(x).silu());
      h = conv2.forward(norm2.forward(h).silu());
      return (shortcut == null ? x : shortcut.forward(x)).add(h);
    }

    private Tensor inStrips(Tensor x) {
      Strips.Pointwise before = strips.normalised(norm1, x);
      Tensor h = strips.convolve(conv1, x, y -> before.apply(y).silu(), width, 1, null);
      Strips.Pointwise between = strips.normalised(norm2, h);
      return strips.convolve(
          conv2,
          h,
          y -> between.apply(y).silu(),
          width,
          1,
          (from, count) -> {
            Tensor rows = x.narrow(2, from, count);
            return shortcut == null ? rows : shortcut.forward(rows);
          });
    }
  }

  /** Self-attention with one head among all pixels, added to its input. */
  private final class PixelAttention {
    private final GroupNorm norm;
    private final Linear toQ;
    private final Linear toK;
    private final Linear toV;
    private final Linear toOut;

    PixelAttention(Parameters p, int width, int groups) {
      norm = new GroupNorm(p.at("group_norm"), groups, width, EPS);
      toQ = new Linear(p.at("to_q"), width, width, true);
      toK = new Linear(p.at("to_k"), width, width, true);
      toV = new Linear(p.at("to_v"), width, width, true);
      toOut = new Linear(p.at("to_out").at("0"), width, width, true);
    }

    Tensor forward(Tensor x) {
      Tensor rows = norm.forward(x).flatten(2, 3).transpose(1, 2).unsqueeze(1); // [B, 1, H·W, C]
      Tensor attended = strips.attend(toQ.forward(rows), toK.forward(rows), toV.forward(rows));
      return toOut.forward(attended).squeeze(1).transpose(1, 2).reshape(x.shape()).add(x);
    }
  }
}
