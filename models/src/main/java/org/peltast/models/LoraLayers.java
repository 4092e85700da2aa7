package org.peltast.models;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.peltast.models.files.ForeignTensor;

/**
 * The layers of a network that can have an adapter, those with a matrix or a kernel for a weight,
 * under all the names that files give them.
 */
final class LoraLayers {
  private static final String WEIGHT = ".weight";

  private final Map<String, long[]> weights = new LinkedHashMap<>(); // shapes by layer
  private final Map<String, List<String>> known = new LinkedHashMap<>(); // layers by any name
  private final List<ForeignTensor> foreign;

  /**
   * Of a network with these weights.
   *
   * @param shapes by the weights' names
   */
  LoraLayers(ModelFamily family, Map<String, long[]> shapes) {
    shapes.forEach(
        (name, shape) -> {
          String layer = layer(name);
          if (layer != null && shape.length >= 2) {
            weights.put(layer, shape);
          }
        });
    weights.keySet().forEach(layer -> name(layer, List.of(layer)));
    foreign = family.singleFile(List.copyOf(shapes.keySet()));
    for (ForeignTensor tensor : foreign) {
      String original = layer(tensor.name());
      List<String> layers = tensor.parameters().stream().map(LoraLayers::layerOrSelf).toList();
      if (original != null && weights.keySet().containsAll(layers)) {
        name(original, layers);
      }
    }
  }

  static LoraLayers of(Backbone network) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    network.parameters().base().forEach(p -> shapes.put(p.name(), p.shape()));
    return new LoraLayers(network.family(), shapes);
  }

  /** The network's tensors under the original's names. */
  List<ForeignTensor> foreign() {
    return foreign;
  }

  /** A layer under its name, with underscores for dots, and without the last number of a list. */
  private void name(String name, List<String> layers) {
    known.putIfAbsent(name, layers);
    known.putIfAbsent(name.replace('.', '_'), layers);
    if (name.endsWith(".to_out.0")) { // as diffusers' attention processors had it
      known.putIfAbsent(name.substring(0, name.length() - 2), layers);
    }
  }

  private static @Nullable String layer(String parameter) {
    return parameter.endsWith(WEIGHT)
        ? parameter.substring(0, parameter.length() - WEIGHT.length())
        : null;
  }

  private static String layerOrSelf(String parameter) {
    String layer = layer(parameter);
    return layer == null ? parameter : layer;
  }

  /** The layers that a name stands for, several for a fused projection; null if there is none. */
  @Nullable List<String> named(String name) {
    return known.get(name);
  }

  /** All layers, in order. */
  List<String> all() {
    return List.copyOf(weights.keySet());
  }

  /** The shape of a layer's weight. */
  long[] shape(String layer) {
    return Objects.requireNonNull(weights.get(layer), layer);
  }
}
