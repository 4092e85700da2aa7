package org.peltast.models.sdxl;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.peltast.models.files.ForeignTensor;

/**
 * The names of a UNet's tensors in the latent diffusion code, and so in ComfyUI's single files of
 * SDXL: blocks of the ways down and up are counted through, {@code input_blocks.N} and {@code
 * output_blocks.N}, with the residual block, the transformer and the resizing as their parts.
 */
final class UNetKeys {
  private static final Map<String, String> RESIDUAL =
      Map.of(
          "norm1", "in_layers.0",
          "conv1", "in_layers.2",
          "time_emb_proj", "emb_layers.1",
          "norm2", "out_layers.0",
          "conv2", "out_layers.3",
          "conv_shortcut", "skip_connection");

  private static final Map<String, String> ENDS =
      Map.of(
          "time_embedding.linear_1", "time_embed.0",
          "time_embedding.linear_2", "time_embed.2",
          "add_embedding.linear_1", "label_emb.0.0",
          "add_embedding.linear_2", "label_emb.0.2",
          "conv_in", "input_blocks.0.0",
          "conv_norm_out", "out.0",
          "conv_out", "out.2");

  private static final Pattern RESNET =
      Pattern.compile("(.+)\\.resnets\\.(\\d+)\\.([a-z0-9_]+)\\.(weight|bias)");
  private static final Pattern TRANSFORMER = Pattern.compile("(.+)\\.attentions\\.(\\d+)\\.(.+)");
  private static final Pattern RESIZE =
      Pattern.compile("(.+)\\.(down|up)samplers\\.0\\.conv\\.(weight|bias)");

  private final Map<String, Integer> firsts = new HashMap<>(); // a level's first block
  private final Map<String, Integer> lasts = new HashMap<>(); // the block that resizes
  private final Set<String> attending = new HashSet<>(); // levels

  private UNetKeys(List<String> parameters) {
    Map<String, Integer> layers = new TreeMap<>(); // residual blocks of each level
    for (String name : parameters) {
      Matcher m = RESNET.matcher(name);
      if (m.matches()) {
        layers.merge(m.group(1), Integer.parseInt(m.group(2)) + 1, Math::max);
      }
      m = TRANSFORMER.matcher(name);
      if (m.matches()) {
        attending.add(m.group(1));
      }
    }
    count("down_blocks.", 1, 1, layers);
    count("up_blocks.", 0, 0, layers);
  }

  /**
   * Numbers the blocks of one way.
   *
   * @param from the number of the first
   * @param resizing how many blocks resize alone, at the end of each level
   */
  private void count(String way, int from, int resizing, Map<String, Integer> layers) {
    int at = from;
    for (int i = 0; layers.containsKey(way + i); i++) {
      int own = layers.getOrDefault(way + i, 0);
      firsts.put(way + i, at);
      lasts.put(way + i, at + own - 1 + resizing);
      at += own + resizing;
    }
  }

  /** The tensors of a UNet with these parameters, without what stands before all of them. */
  static List<ForeignTensor> of(List<String> parameters) {
    UNetKeys keys = new UNetKeys(parameters);
    List<ForeignTensor> all = new ArrayList<>();
    parameters.forEach(name -> all.add(new ForeignTensor(keys.original(name), List.of(name))));
    return all;
  }

  /** The original's name; empty if there is none. */
  private String original(String name) {
    Matcher m = RESNET.matcher(name);
    if (m.matches() && RESIDUAL.containsKey(m.group(3))) {
      int number = Integer.parseInt(m.group(2));
      return block(m.group(1), number, 2 * number, 0) + RESIDUAL.get(m.group(3)) + "." + m.group(4);
    }
    m = TRANSFORMER.matcher(name);
    if (m.matches()) {
      return block(m.group(1), Integer.parseInt(m.group(2)), 1, 1) + m.group(3);
    }
    m = RESIZE.matcher(name);
    if (m.matches()) {
      String level = m.group(1);
      return m.group(2).equals("down")
          ? "input_blocks." + lasts.get(level) + ".0.op." + m.group(3)
          : "output_blocks."
              + lasts.get(level)
              + (attending.contains(level) ? ".2.conv." : ".1.conv.")
              + m.group(3);
    }
    int dot = Math.max(0, name.lastIndexOf('.'));
    String end = ENDS.get(name.substring(0, dot));
    return end == null ? "" : end + name.substring(dot);
  }

  /**
   * The beginning of a part's names.
   *
   * @param number of the layer in its level
   * @param inMiddle its place in the middle block
   * @param part of the block elsewhere
   */
  private String block(String level, int number, int inMiddle, int part) {
    if (level.equals("mid_block")) {
      return "middle_block." + inMiddle + ".";
    }
    int at = firsts.getOrDefault(level, 0) + number;
    return (level.startsWith("down") ? "input_blocks." : "output_blocks.") + at + "." + part + ".";
  }
}
