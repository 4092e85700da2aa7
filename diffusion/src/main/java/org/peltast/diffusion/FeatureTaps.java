package org.peltast.diffusion;

import java.util.List;
import java.util.Map;
import org.peltast.tensor.Tensor;

/**
 * An optional capability of a {@link Network}: its named intermediate features, in the graph, as
 * discriminators and feature losses read them.
 */
public interface FeatureTaps extends Network {
  /**
   * An evaluation with its features.
   *
   * @param output as of {@link Network#forward}
   * @param features by name, each [B, N, D] float32
   */
  record Tapped(Tensor output, Map<String, Tensor> features) {
    /** Copies the map. */
    public Tapped {
      features = Map.copyOf(features);
    }
  }

  /** The names of all taps, from the input to the output. */
  List<String> taps();

  /** The width D of a tap's features. */
  int tapWidth(String name);

  /**
   * Evaluates the network and keeps some features.
   *
   * @throws DiffusionException if it has no tap of a name, listing those that it has
   */
  Tapped forward(Tensor x, Tensor t, Text text, List<String> taps);
}
