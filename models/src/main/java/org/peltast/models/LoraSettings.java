package org.peltast.models;

import java.util.List;
import org.peltast.tensor.Rng;
import org.peltast.tensor.nn.Adapters;

/**
 * A LoRA that is to be trained.
 *
 * @param rank r of every layer
 * @param alpha what the rank divides
 * @param targets the layers, by the ends of their names, as {@code attention.to_q}; empty for those
 *     that are usual in the network's family
 */
public record LoraSettings(int rank, double alpha, List<String> targets) {
  /** Copies the list. */
  public LoraSettings {
    targets = List.copyOf(targets);
  }

  /**
   * A network with new adapters over the weights of another, which it shares: A drawn at random, B
   * zero, so that it answers what the other answers by the plain operators.
   *
   * @throws ModelException naming a target that the network does not have
   */
  public Backbone over(Backbone base, Rng rng) {
    List<String> ends = targets.isEmpty() ? base.family().loraTargets() : targets;
    List<String> all = LoraLayers.of(base).all();
    for (String end : ends) {
      if (all.stream().noneMatch(layer -> isAt(layer, end))) {
        throw new ModelException(
            "the network has no layer "
                + end
                + " for a LoRA to adapt; its layers end in names such as "
                + String.join(", ", base.family().loraTargets()));
      }
    }
    Adapters adapters =
        layer ->
            all.contains(layer) && ends.stream().anyMatch(end -> isAt(layer, end))
                ? new Adapters.Size(rank, alpha / rank)
                : null;
    Backbone adapted = base.adapted(adapters);
    adapted.parameters().initialise(rng);
    return adapted;
  }

  private static boolean isAt(String layer, String end) {
    return layer.equals(end) || layer.endsWith("." + end);
  }
}
