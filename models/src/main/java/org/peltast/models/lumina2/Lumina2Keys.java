package org.peltast.models.lumina2;

import java.util.List;
import java.util.Set;
import org.peltast.models.files.ForeignTensor;

/**
 * The names of a Lumina 2 transformer's tensors in the original checkpoint and in ComfyUI's single
 * files: one fused projection for queries, keys and values, and the names that Lumina's own code
 * gives to norms, modulations and embedders.
 */
final class Lumina2Keys {
  /** A weight of the original's that its network does not use. */
  static final Set<String> UNUSED = Set.of("norm_final.weight");

  private Lumina2Keys() {}

  /** The original's tensors of a network with these parameters. */
  static List<ForeignTensor> of(List<String> parameters) {
    return ForeignTensor.withFusedAttention(parameters, "attn", Lumina2Keys::original);
  }

  private static String original(String name) {
    return name.replaceFirst("^time_caption_embed\\.caption_embedder\\.", "cap_embedder.")
        .replaceFirst("^time_caption_embed\\.timestep_embedder\\.linear_1\\.", "t_embedder.mlp.0.")
        .replaceFirst("^time_caption_embed\\.timestep_embedder\\.linear_2\\.", "t_embedder.mlp.2.")
        .replaceFirst("^norm_out\\.linear_1\\.", "final_layer.adaLN_modulation.1.")
        .replaceFirst("^norm_out\\.linear_2\\.", "final_layer.linear.")
        .replace(".attn.to_out.0.", ".attention.out.")
        .replace(".attn.norm_q.", ".attention.q_norm.")
        .replace(".attn.norm_k.", ".attention.k_norm.")
        .replace(".feed_forward.linear_", ".feed_forward.w")
        .replace(".norm1.linear.", ".adaLN_modulation.1.")
        .replace(".norm1.norm.", ".attention_norm1.")
        .replace(".norm1.", ".attention_norm1.")
        .replace(".norm2.", ".attention_norm2.");
  }
}
