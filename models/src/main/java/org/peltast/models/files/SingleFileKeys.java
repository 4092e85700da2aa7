package org.peltast.models.files;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The names in a single file of a network's original code, which is ComfyUI's too, mapped to those
 * of diffusers. Before the names may stand those that ComfyUI puts there; what has another
 * beginning is no part of the network, but text encoders and autoencoder that lie in the same file.
 */
public final class SingleFileKeys implements KeyMap {
  /** The longer ones first: one ends another. */
  private static final List<String> PREFIXES =
      List.of("model.diffusion_model.", "diffusion_model.", "model.", "");

  private final String prefix;
  private final Map<String, List<String>> known;
  private final Set<String> unused;

  private SingleFileKeys(String prefix, Map<String, List<String>> known, Set<String> unused) {
    this.prefix = prefix;
    this.known = known;
    this.unused = unused;
  }

  /**
   * Maps for files that have either these names or those of diffusers.
   *
   * @param tensors all of the network
   * @param unused names of weights that the original has and its network does not use
   */
  public static KeyMap.Dialects dialects(List<ForeignTensor> tensors, Set<String> unused) {
    Map<String, List<String>> known = new LinkedHashMap<>();
    tensors.forEach(t -> known.put(t.name(), t.parameters()));
    return names -> {
      String prefix = prefix(names, known);
      return prefix == null ? List::of : new SingleFileKeys(prefix, known, unused);
    };
  }

  /** What stands before the original's names; null if there are none. */
  private static @Nullable String prefix(Set<String> names, Map<String, List<String>> known) {
    for (String prefix : PREFIXES) {
      for (Map.Entry<String, List<String>> e : known.entrySet()) {
        boolean own = e.getValue().equals(List.of(e.getKey())); // diffusers calls it the same
        if (!own && names.contains(prefix + e.getKey())) {
          return prefix;
        }
      }
    }
    return null;
  }

  @Override
  public List<String> parameters(String tensor) {
    if (!tensor.startsWith(prefix)) {
      return List.of();
    }
    String name = tensor.substring(prefix.length());
    if (unused.contains(name)) {
      return List.of();
    }
    return Objects.requireNonNullElse(known.get(name), List.of(name));
  }
}
