package org.peltast.models;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.peltast.models.files.Component;
import org.peltast.safetensors.Checkpoint;
import org.peltast.tensor.Scope;

/** Writes a LoRA file in another tool's layout. */
public final class LoraConversion {
  private LoraConversion() {}

  /**
   * Converts a file.
   *
   * @param lora of any layout
   * @param model whose network it is made for; its headers are read
   * @param comfy whether the layout is ComfyUI's; else it is that of diffusers
   * @param out the file that is written
   * @return how many layers it changes
   */
  public static int write(Path lora, ModelSource model, boolean comfy, Path out) {
    ModelFamily family = model.family();
    Component network = model.network(family);
    try (Scope s = Scope.open()) {
      Lora read = Lora.read(lora, family, network);
      Map<String, String> metadata = kept(lora);
      if (comfy) {
        read.writeComfy(out, family, network, metadata);
      } else {
        read.writeDiffusers(out, family, metadata);
      }
      return read.layers().size();
    }
  }

  /** What the file says of how it is drawn with. */
  private static Map<String, String> kept(Path lora) {
    Map<String, String> kept = new LinkedHashMap<>();
    try (Checkpoint checkpoint = Checkpoint.open(lora)) {
      checkpoint
          .metadata()
          .forEach(
              (key, value) -> {
                if (key.startsWith("peltast.")) {
                  kept.put(key, value);
                }
              });
    }
    return kept;
  }
}
