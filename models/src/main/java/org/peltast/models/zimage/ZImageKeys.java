package org.peltast.models.zimage;

import java.util.List;
import java.util.Set;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.KeyMap;

/**
 * The names of a Z-Image transformer's tensors in the original checkpoint and in ComfyUI's single
 * files, mapped to those of diffusers: one fused projection for queries, keys and values, other
 * names for what goes in and comes out, and in ComfyUI's a prefix before all, beside which the same
 * file may hold text encoder and autoencoder.
 */
final class ZImageKeys implements KeyMap {
  /** The longer ones first: one ends another. */
  private static final List<String> PREFIXES =
      List.of("model.diffusion_model.", "diffusion_model.", "transformer.", "model.");

  /** A weight of the original's that its network does not use. */
  private static final String UNUSED = "norm_final.weight";

  private final String prefix;
  private final int patch;

  private ZImageKeys(String prefix, int patch) {
    this.prefix = prefix;
    this.patch = patch;
  }

  /** Maps for networks whose single files have embedders of one patch size. */
  static KeyMap.Dialects dialects(int patch) {
    return tensors -> new ZImageKeys(prefix(tensors), patch);
  }

  /**
   * ComfyUI's tensors of a network with these parameters; none if it has embedders of several patch
   * sizes, which ComfyUI's has not.
   */
  static List<ForeignTensor> of(List<String> parameters) {
    List<ForeignTensor> all =
        ForeignTensor.withFusedAttention(parameters, "attention", ZImageKeys::original);
    long names = all.stream().map(ForeignTensor::name).distinct().count();
    return names == all.size() ? all : List.of();
  }

  private static String original(String name) {
    return name.replaceFirst("^all_(x_embedder|final_layer)\\.\\d+-1\\.", "$1.")
        .replace(".attention.to_out.0.", ".attention.out.")
        .replace(".attention.norm_q.", ".attention.q_norm.")
        .replace(".attention.norm_k.", ".attention.k_norm.");
  }

  private static String prefix(Set<String> tensors) {
    return PREFIXES.stream()
        .filter(p -> tensors.stream().anyMatch(name -> name.startsWith(p + "layers.")))
        .findFirst()
        .orElse("");
  }

  @Override
  public List<String> parameters(String tensor) {
    if (!tensor.startsWith(prefix)) {
      return List.of();
    }
    String name = tensor.substring(prefix.length());
    if (name.equals(UNUSED)) {
      return List.of();
    }
    if (name.startsWith("x_embedder.") || name.startsWith("final_layer.")) {
      int dot = name.indexOf('.');
      return List.of("all_" + name.substring(0, dot) + "." + patch + "-1" + name.substring(dot));
    }
    if (name.contains(".attention.qkv.")) {
      return List.of(
          name.replace(".attention.qkv.", ".attention.to_q."),
          name.replace(".attention.qkv.", ".attention.to_k."),
          name.replace(".attention.qkv.", ".attention.to_v."));
    }
    return List.of(
        name.replace(".attention.out.", ".attention.to_out.0.")
            .replace(".attention.q_norm.", ".attention.norm_q.")
            .replace(".attention.k_norm.", ".attention.norm_k."));
  }
}
