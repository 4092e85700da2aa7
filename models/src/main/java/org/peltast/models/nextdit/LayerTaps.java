package org.peltast.models.nextdit;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.peltast.diffusion.FeatureTaps;
import org.peltast.models.ModelException;
import org.peltast.tensor.Tensor;

/**
 * The image's tokens after some blocks of the joint stack, called {@code layers.0}, {@code
 * layers.1}, …: [B, N, dim] float32 of the N tokens of an image, row by row. Those of the caption,
 * whose number depends on the batch's longest, are left out.
 */
public final class LayerTaps {
  private final Map<String, Tensor> features = new LinkedHashMap<>();
  private final Map<Integer, Consumer<Tensor>> taps = new LinkedHashMap<>();

  /**
   * Taps of one evaluation.
   *
   * @param names some of {@link #names}
   * @param layers blocks of the joint stack
   * @param tokens N
   * @throws ModelException if there is no such feature
   */
  public LayerTaps(List<String> names, int layers, long tokens) {
    List<String> all = names(layers);
    for (String name : names) {
      int block = all.indexOf(name);
      if (block < 0) {
        throw new ModelException(
            "the model has no features '" + name + "', but layers.0 to layers." + (layers - 1));
      }
      taps.put(block, stream -> features.put(name, stream.narrow(1, 0, tokens)));
    }
  }

  /** The names of a stack's features, from the input's side on. */
  public static List<String> names(int layers) {
    return IntStream.range(0, layers).mapToObj(i -> "layers." + i).toList();
  }

  /** For {@link BlockStack#forward}. */
  public Map<Integer, Consumer<Tensor>> taps() {
    return taps;
  }

  /** What was seen, once the stack has been applied. */
  public FeatureTaps.Features with(Tensor prediction) {
    return new FeatureTaps.Features(prediction, features);
  }
}
