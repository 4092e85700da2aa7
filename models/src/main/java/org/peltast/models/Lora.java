package org.peltast.models;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.peltast.models.files.Component;
import org.peltast.safetensors.Checkpoint;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.LowRank;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * Low-rank changes of a network's layers, {@code W + (alpha / r) · B A} (LoRA: Hu et al., 2021), as
 * a file holds them or a run has trained them.
 *
 * <p>Files may have the layout of diffusers and PEFT ({@code transformer.LAYER.lora_A.weight},
 * alpha in the metadata), that of ComfyUI ({@code diffusion_model.LAYER.lora_A.weight} with {@code
 * .alpha} tensors, layers under the names of the original checkpoint) or that of kohya's trainers
 * ({@code lora_unet_LAYER.lora_down.weight}, dots turned to underscores). Which it is, is seen key
 * by key.
 */
public final class Lora {
  /** The name that diffusers looks for in a folder. */
  public static final String FILE = "pytorch_lora_weights.safetensors";

  /**
   * The change of one layer.
   *
   * @param a A [r, in], or [r, in, k, k] of a convolution
   * @param b B [out, r], or [out, r, 1, 1]
   * @param alpha what the rank divides
   */
  public record Factors(Tensor a, Tensor b, double alpha) {
    /** r. */
    public int rank() {
      return (int) a.size(0);
    }

    /** {@code alpha / r}. */
    public double scale() {
      return alpha / rank();
    }
  }

  private final Map<String, Factors> layers;

  Lora(Map<String, Factors> layers) {
    this.layers = Collections.unmodifiableMap(new LinkedHashMap<>(layers));
  }

  /** The changes by the layer's name in diffusers, that of its weight without {@code .weight}. */
  public Map<String, Factors> layers() {
    return layers;
  }

  /**
   * Reads a file, in float32, into the current scope, on the CPU.
   *
   * @param network that it is made for
   * @throws ModelException naming the key, if the network has no such layer, shapes do not fit it
   *     or each other, or the file is of another kind of adapter; nothing is changed by then
   */
  public static Lora read(Path file, Backbone network) {
    return LoraReader.read(file, network.family(), LoraLayers.of(network));
  }

  /**
   * Reads a file that is made for the network of a model folder, without opening the network: the
   * headers of its weights are enough.
   *
   * @param family of the network
   * @param network its component, with diffusers' names
   * @throws ModelException as {@link #read(Path, Backbone)}
   */
  public static Lora read(Path file, ModelFamily family, Component network) {
    return LoraReader.read(file, family, layers(family, network));
  }

  private static LoraLayers layers(ModelFamily family, Component network) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    try (Checkpoint checkpoint = Checkpoint.open(network.weights())) {
      checkpoint.tensors().forEach((name, info) -> shapes.put(name, info.dimensions()));
    }
    return new LoraLayers(family, shapes);
  }

  /** The adapters of a network, live. */
  public static Lora of(Backbone adapted) {
    return of(adapted, adapted.parameters().values());
  }

  /**
   * The adapters of a network with other values.
   *
   * @param values by the names of its own parameters: those of a moving average
   */
  public static Lora of(Backbone adapted, Map<String, Tensor> values) {
    Map<String, Factors> layers = new LinkedHashMap<>();
    for (String name : values.keySet()) {
      if (name.endsWith("." + LowRank.A)) {
        String layer = name.substring(0, name.length() - LowRank.A.length() - 1);
        Adapters.Size size =
            Objects.requireNonNull(adapted.parameters().adapters().of(layer), layer);
        layers.put(
            layer,
            new Factors(
                Objects.requireNonNull(values.get(name)),
                Objects.requireNonNull(values.get(layer + "." + LowRank.B), layer),
                size.scale() * size.rank()));
      }
    }
    return new Lora(layers);
  }

  /**
   * A network with these adapters beside the weights of another, which it shares.
   *
   * @param strength what their answers are multiplied by; 1 is what they were trained with
   */
  public Backbone over(Backbone base, double strength) {
    Backbone adapted = base.adapted(sizes(strength));
    try (Scope s = Scope.open()) {
      Map<String, Tensor> values = new LinkedHashMap<>();
      layers.forEach(
          (layer, f) -> {
            values.put(layer + "." + LowRank.A, f.a());
            values.put(layer + "." + LowRank.B, f.b());
          });
      adapted.parameters().load(values);
      return adapted;
    } catch (RuntimeException e) {
      adapted.close();
      throw e;
    }
  }

  private Adapters sizes(double strength) {
    return layer -> {
      Factors f = layers.get(layer);
      return f == null ? null : new Adapters.Size(f.rank(), strength * f.scale());
    };
  }

  /**
   * Adds the changes to a network's own weights, for good.
   *
   * @param strength what they are multiplied by
   * @throws ModelException if the sum is not finite; layers before it are changed then
   */
  public void mergeInto(Backbone network, double strength) {
    Parameters weights = network.parameters();
    try (Autograd off = Autograd.off()) {
      layers.forEach(
          (layer, f) -> {
            try (Scope s = Scope.open()) {
              Parameter p = Objects.requireNonNull(weights.find(layer + ".weight"), layer);
              p.value().copyFrom(merged(layer, p.value(), f, strength));
            }
          });
    }
    weights.changed();
  }

  /**
   * All weights of a network with adapters, those of adapted layers with the change added: what it
   * is without adapters.
   *
   * @param adapted the network; its base stays as it is
   * @param values of its adapters
   * @return by name; adapted layers' in float32 in the current scope, the others live
   */
  public static Map<String, Tensor> merged(Backbone adapted, Map<String, Tensor> values) {
    Map<String, Factors> layers = of(adapted, values).layers;
    Map<String, Tensor> all = new LinkedHashMap<>();
    try (Autograd off = Autograd.off()) {
      for (Parameter p : adapted.parameters().base()) {
        String layer = p.name().replaceFirst("\\.weight$", "");
        Factors f = layers.get(layer);
        if (f == null || layer.equals(p.name())) {
          all.put(p.name(), p.value());
        } else {
          Factors own = f;
          all.put(p.name(), Scope.compute(() -> merged(layer, p.value(), own, 1)));
        }
      }
    }
    return all;
  }

  private static Tensor merged(String layer, Tensor weight, Factors f, double strength) {
    long out = weight.size(0);
    Tensor a = f.a().to(weight.device()).to(DType.FLOAT32);
    Tensor b = f.b().to(weight.device()).to(DType.FLOAT32);
    Tensor change = b.reshape(out, f.rank()).matmul(a.reshape(f.rank(), a.count() / f.rank()));
    Tensor sum =
        weight.to(DType.FLOAT32).add(change.mul(strength * f.scale()).reshape(weight.shape()));
    if (!sum.allFinite()) {
      throw new ModelException(
          "with the LoRA the weight of " + layer + " holds NaN or infinity; use a smaller scale");
    }
    return sum;
  }

  /**
   * Writes the file that diffusers' {@code load_lora_weights} reads: wholly or not at all.
   *
   * @param family whose component stands before the layers' names
   * @param metadata more text entries of the file
   */
  public void writeDiffusers(Path file, ModelFamily family, Map<String, String> metadata) {
    LoraWriter.diffusers(file, this, family, metadata);
  }

  /**
   * Writes the file that ComfyUI's LoRA loader reads: wholly or not at all.
   *
   * @param network the component that the layers are of
   */
  public void writeComfy(
      Path file, ModelFamily family, Component network, Map<String, String> metadata) {
    LoraWriter.comfy(file, this, family, layers(family, network), metadata);
  }

  /** How many numbers the adapters have. */
  public long count() {
    return layers.values().stream().mapToLong(f -> f.a().count() + f.b().count()).sum();
  }

  /** The ranks that there are, in order. */
  public List<Integer> ranks() {
    return layers.values().stream().map(Factors::rank).distinct().sorted().toList();
  }
}
