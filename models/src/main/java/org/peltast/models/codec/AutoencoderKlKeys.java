package org.peltast.models.codec;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.peltast.models.files.ForeignTensor;
import org.peltast.models.files.KeyMap;

/**
 * The names of an autoencoder's tensors, mapped to those of diffusers: the names that diffusers'
 * attention had before its version 0.17, and those of the latent diffusion code, which ComfyUI's
 * files have, alone or with a prefix beside a whole model.
 */
final class AutoencoderKlKeys implements KeyMap {
  private static final List<String> PREFIXES = List.of("first_stage_model.", "vae.");

  private static final Map<String, String> ATTENTION =
      Map.of(
          "norm", "group_norm",
          "query", "to_q",
          "key", "to_k",
          "value", "to_v",
          "proj_attn", "to_out.0",
          "q", "to_q",
          "k", "to_k",
          "v", "to_v",
          "proj_out", "to_out.0");

  private static final Pattern OLD_ATTENTION =
      Pattern.compile(
          "((?:encoder|decoder)\\.mid_block\\.attentions\\.0\\.)(query|key|value|proj_attn)(\\..+)");
  private static final Pattern MID_BLOCK =
      Pattern.compile("(encoder|decoder)\\.mid\\.block_([12])\\.(.+)");
  private static final Pattern MID_ATTENTION =
      Pattern.compile("(encoder|decoder)\\.mid\\.attn_1\\.(norm|q|k|v|proj_out)(\\..+)");
  private static final Pattern LEVEL =
      Pattern.compile("(encoder\\.down|decoder\\.up)\\.(\\d+)\\.block\\.(\\d+)\\.(.+)");
  private static final Pattern RESAMPLE =
      Pattern.compile("(encoder\\.down|decoder\\.up)\\.(\\d+)\\.(down|up)sample\\.(.+)");

  private static final Pattern BLOCK =
      Pattern.compile(
          "(encoder|decoder)\\.(down|up)_blocks\\.(\\d+)\\.(resnets|(?:down|up)samplers)\\.(\\d+)\\.(.+)");

  private final String prefix;
  private final int levels;

  private AutoencoderKlKeys(String prefix, int levels) {
    this.prefix = prefix;
    this.levels = levels;
  }

  /** Maps for an autoencoder of so many resolutions. */
  static KeyMap.Dialects dialects(int levels) {
    return tensors -> new AutoencoderKlKeys(prefix(tensors), levels);
  }

  private static String prefix(Set<String> tensors) {
    return PREFIXES.stream()
        .filter(p -> tensors.contains(p + "decoder.conv_in.weight"))
        .findFirst()
        .orElse("");
  }

  @Override
  public List<String> parameters(String tensor) {
    return tensor.startsWith(prefix)
        ? List.of(renamed(tensor.substring(prefix.length())))
        : List.of();
  }

  private String renamed(String name) {
    Matcher m = OLD_ATTENTION.matcher(name);
    if (m.matches()) {
      return m.group(1) + ATTENTION.get(m.group(2)) + m.group(3);
    }
    m = MID_ATTENTION.matcher(name);
    if (m.matches()) {
      return m.group(1) + ".mid_block.attentions.0." + ATTENTION.get(m.group(2)) + m.group(3);
    }
    m = MID_BLOCK.matcher(name);
    if (m.matches()) {
      int block = Integer.parseInt(m.group(2)) - 1;
      return m.group(1) + ".mid_block.resnets." + block + "." + shortcut(m.group(3));
    }
    m = LEVEL.matcher(name);
    if (m.matches()) {
      return level(m) + ".resnets." + m.group(3) + "." + shortcut(m.group(4));
    }
    m = RESAMPLE.matcher(name);
    if (m.matches()) {
      return level(m) + "." + m.group(3) + "samplers.0." + m.group(4);
    }
    return name.replaceFirst("^(encoder|decoder)\\.norm_out\\.", "$1.conv_norm_out.");
  }

  /**
   * The decoder's levels are counted from the finest in one, and from the coarsest in the other.
   */
  private String level(Matcher m) {
    int number = m.group(2).length() > 4 ? -1 : Integer.parseInt(m.group(2));
    return m.group(1).equals("encoder.down")
        ? "encoder.down_blocks." + number
        : "decoder.up_blocks." + (levels - 1 - number);
  }

  /** The tensors of an autoencoder in the latent diffusion code's file. */
  static List<ForeignTensor> singleFile(List<String> parameters) {
    int levels =
        (int)
            parameters.stream()
                .filter(
                    name ->
                        name.matches("decoder\\.up_blocks\\.\\d+\\.resnets\\.0\\.conv1\\.weight"))
                .count();
    List<ForeignTensor> all = new ArrayList<>();
    for (String name : parameters) {
      boolean matrix =
          name.matches(
              ".*\\.attentions\\.0\\.(to_(q|k|v|out\\.0)|query|key|value|proj_attn)\\.weight");
      all.add(
          new ForeignTensor(
              original(name, levels),
              List.of(name),
              matrix ? ForeignTensor.Form.KERNEL : ForeignTensor.Form.SAME));
    }
    return all;
  }

  private static String original(String name, int levels) {
    Matcher m = BLOCK.matcher(name);
    if (m.matches()) {
      boolean down = m.group(2).equals("down");
      int number = Integer.parseInt(m.group(3));
      return (down ? "encoder.down." + number : "decoder.up." + (levels - 1 - number))
          + (m.group(4).equals("resnets")
              ? ".block."
                  + m.group(5)
                  + "."
                  + m.group(6).replaceFirst("^conv_shortcut\\.", "nin_shortcut.")
              : "." + m.group(2) + "sample." + m.group(6));
    }
    return name.replaceFirst("\\.mid_block\\.resnets\\.0\\.", ".mid.block_1.")
        .replaceFirst("\\.mid_block\\.resnets\\.1\\.", ".mid.block_2.")
        .replaceFirst("\\.mid_block\\.attentions\\.0\\.", ".mid.attn_1.")
        .replaceFirst("\\.attn_1\\.group_norm\\.", ".attn_1.norm.")
        .replaceFirst("\\.attn_1\\.(to_out\\.0|proj_attn)\\.", ".attn_1.proj_out.")
        .replaceFirst("\\.attn_1\\.(?:to_([qkv])|([qkv])[a-z]+)\\.", ".attn_1.$1$2.")
        .replaceFirst("\\.conv_norm_out\\.", ".norm_out.");
  }

  private static String shortcut(String name) {
    return name.replaceFirst("^nin_shortcut\\.", "conv_shortcut.");
  }
}
