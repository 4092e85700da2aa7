package org.peltast.models;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.peltast.tensor.Scope;

/**
 * A LoRA file and how strongly it is added to a network.
 *
 * @param scale what its change is multiplied by; 1 is what it was trained with
 */
public record ScaledLora(Path file, double scale) {
  /**
   * Adds files to a network's weights, one after another; all are read before a weight is changed.
   *
   * @throws ModelException as {@link Lora#read(Path, Backbone)} and {@link Lora#mergeInto}
   */
  public static void mergeInto(Backbone network, List<ScaledLora> loras) {
    try (Scope s = Scope.open()) {
      List<Lora> read = loras.stream().map(l -> Lora.read(l.file(), network)).toList();
      for (int i = 0; i < read.size(); i++) {
        read.get(i).mergeInto(network, loras.get(i).scale());
      }
    }
  }

  /** A model's provenance with the LoRAs that were added, by the names of their files. */
  public static Map<String, String> provenance(Map<String, String> model, List<ScaledLora> loras) {
    Map<String, String> all = new TreeMap<>(model);
    if (!loras.isEmpty()) {
      String names = loras.stream().map(ScaledLora::words).collect(Collectors.joining(", "));
      all.merge("lora", names, (old, added) -> old + ", " + added);
    }
    return all;
  }

  private String words() {
    return file.getFileName() + (scale == 1 ? "" : ":" + scale);
  }
}
