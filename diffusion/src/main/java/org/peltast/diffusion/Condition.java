package org.peltast.diffusion;

import java.util.Arrays;
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

  /**
   * These captions where chosen, the other's elsewhere.
   *
   * @param mine one for each caption
   * @param other as many captions of the same width
   */
  public Condition where(boolean[] mine, Condition other) {
    if (mine.length != batch() || other.batch() != batch()) {
      throw new DiffusionException(
          "captions are mixed with as many others, got %d, %d and %d choices"
              .formatted(batch(), other.batch(), mine.length));
    }
    float[] keep = new float[mine.length];
    Integer[] chosen = new Integer[mine.length];
    for (int i = 0; i < mine.length; i++) {
      keep[i] = mine[i] ? 1 : 0;
      chosen[i] = (mine[i] ? this : other).lengths.get(i);
    }
    Tensor kept = Tensor.of(keep, mine.length, 1, 1).to(features.device());
    long rows = Math.max(features.size(1), other.features.size(1));
    return new Condition(
        features
            .extend(1, rows)
            .mul(kept)
            .add(other.features.extend(1, rows).mul(kept.neg().add(1))),
        Arrays.asList(chosen));
  }

  /** The number of captions. */
  public int batch() {
    return lengths.size();
  }
}
