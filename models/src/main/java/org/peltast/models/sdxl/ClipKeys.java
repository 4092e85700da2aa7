package org.peltast.models.sdxl;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.peltast.models.files.ForeignTensor;

/**
 * The names of the text encoders' tensors in SDXL's single files: the first under transformers'
 * names, the second under OpenCLIP's, with one projection for queries, keys and values.
 */
final class ClipKeys {
  private static final String PREFIX = "text_model.";
  private static final Pattern LAYER = Pattern.compile("encoder\\.layers\\.(\\d+)\\.(.+)");
  private static final Pattern ATTENTION = Pattern.compile("self_attn\\.([qkv])_proj\\.(.+)");

  /** Buffers that older versions of transformers wrote. */
  private static final Set<String> BUFFERS = Set.of("embeddings.position_ids");

  private static final Map<String, String> PARTS =
      Map.of(
          "layer_norm1", "ln_1",
          "layer_norm2", "ln_2",
          "mlp.fc1", "mlp.c_fc",
          "mlp.fc2", "mlp.c_proj",
          "self_attn.out_proj", "attn.out_proj");

  private ClipKeys() {}

  /** Those of the first encoder. */
  static List<ForeignTensor> transformers(List<String> parameters) {
    return parameters.stream()
        .filter(name -> !BUFFERS.contains(bare(name)))
        .map(name -> new ForeignTensor(PREFIX + bare(name), List.of(name)))
        .toList();
  }

  /** Those of the second encoder. */
  static List<ForeignTensor> openClip(List<String> parameters) {
    List<ForeignTensor> all = new ArrayList<>();
    for (String name : parameters) {
      String bare = bare(name);
      Matcher layer = LAYER.matcher(bare);
      if (BUFFERS.contains(bare)) {
        continue;
      }
      if (layer.matches()) {
        layer(name, "transformer.resblocks." + layer.group(1) + ".", layer.group(2), all);
      } else if (bare.equals("text_projection.weight")) {
        all.add(new ForeignTensor("text_projection", List.of(name), ForeignTensor.Form.TRANSPOSED));
      } else if (bare.equals("embeddings.position_embedding.weight")) {
        all.add(new ForeignTensor("positional_embedding", List.of(name)));
      } else {
        all.add(
            new ForeignTensor(
                bare.replace("embeddings.token_embedding.", "token_embedding.")
                    .replace("final_layer_norm.", "ln_final."),
                List.of(name)));
      }
    }
    return all;
  }

  private static void layer(String name, String block, String part, List<ForeignTensor> all) {
    Matcher attention = ATTENTION.matcher(part);
    if (attention.matches()) {
      if (attention.group(1).equals("q")) { // keys and values with the queries'
        all.add(
            new ForeignTensor(
                block + "attn.in_proj_" + attention.group(2),
                Stream.of("q", "k", "v")
                    .map(p -> name.replace(".q_proj.", "." + p + "_proj."))
                    .toList()));
      }
      return;
    }
    int dot = part.lastIndexOf('.');
    all.add(
        new ForeignTensor(
            block + PARTS.get(part.substring(0, dot)) + part.substring(dot), List.of(name)));
  }

  private static String bare(String name) {
    return name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
  }
}
