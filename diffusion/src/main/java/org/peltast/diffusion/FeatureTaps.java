package org.peltast.diffusion;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.peltast.tensor.Tensor;

/**
 * A {@link Network} whose intermediate features can be read, as discriminator heads do that judge
 * images by what a diffusion network makes of them on its way.
 *
 * <p>Features are part of the graph: a loss on them has gradients by the network's inputs, and by
 * its weights where these are trainable.
 */
public interface FeatureTaps {
  /**
   * A prediction and features on the way to it.
   *
   * @param prediction [B, C, H, W] float32, that of {@link Network#forward}
   * @param features by the names that were asked for, each [B, N, D] float32: N tokens of width D
   */
  record Features(Tensor prediction, Map<String, Tensor> features) {
    /** Keeps the order. */
    public Features {
      features = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(features));
    }

    /**
     * The features of that name.
     *
     * @throws DiffusionException if they were not asked for
     */
    public Tensor get(String name) {
      Tensor found = features.get(name);
      if (found == null) {
        throw new DiffusionException(
            "the features '" + name + "' were not asked for; there are " + features.keySet());
      }
      return found;
    }
  }

  /** The names of all features, from the input's side on. */
  List<String> featureNames();

  /**
   * The network's prediction and some of its features, of one evaluation.
   *
   * @param x as in {@link Network#forward}
   * @param t as in {@link Network#forward}
   * @param text as in {@link Network#forward}
   * @param names some of {@link #featureNames}; without any, this is {@link Network#forward}
   */
  Features features(Tensor x, Tensor t, Network.Text text, List<String> names);
}
