package org.peltast.diffusion;

import java.util.List;
import org.peltast.tensor.Tensor;

/**
 * The text side of a batch, as a text encoder gives it.
 *
 * @param features [B, L, D] float32, zero beyond each caption's own tokens
 * @param lengths the number of tokens of each caption, each in [1, L]
 */
public record Condition(Tensor features, List<Integer> lengths) {
  /** Checks that the two fit. */
  public Condition {
    if (features.rank() != 3 || features.size(0) != lengths.size()) {
      throw new DiffusionException(
          "a condition needs features [B, L, D] and B lengths, got "
              + features
              + " and "
              + lengths.size());
    }
    for (int n : lengths) {
      if (n < 1 || n > features.size(1)) {
        throw new DiffusionException(
            "a caption of " + n + " tokens does not fit features " + features);
      }
    }
    lengths = List.copyOf(lengths);
  }

  /** The captions [from, from + count). */
  public Condition narrow(int from, int count) {
    return new Condition(features.narrow(0, from, count), lengths.subList(from, from + count));
  }

  /** The number of captions. */
  public int batch() {
    return lengths.size();
  }
}
