package org.peltast.models.zimage.fused;

import java.util.List;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.fused.Factor;

/**
 * The factors after a block's norms: a norm's weight, times the modulation where there is one. They
 * come out of small graphs of the plain operators, which take their gradients back.
 *
 * @param attentionIn [B, 1, dim], or [dim] for all items
 * @param attentionOut the same
 * @param feedForwardIn the same
 * @param feedForwardOut the same
 * @param query [headDim], 1/√headDim included
 * @param key [headDim]
 */
public record Factors(
    Tensor attentionIn,
    Tensor attentionOut,
    Tensor feedForwardIn,
    Tensor feedForwardOut,
    Tensor query,
    Tensor key) {
  /** How many there are. */
  static final int COUNT = 6;

  List<Tensor> all() {
    return List.of(attentionIn, attentionOut, feedForwardIn, feedForwardOut, query, key);
  }

  /** The same numbers, or their gradients, as kernels read and write them. */
  static final class Arrays {
    final Factor attentionIn;
    final Factor attentionOut;
    final Factor feedForwardIn;
    final Factor feedForwardOut;
    final float[] query;
    final float[] key;

    private Arrays(
        Factor attentionIn,
        Factor attentionOut,
        Factor feedForwardIn,
        Factor feedForwardOut,
        float[] query,
        float[] key) {
      this.attentionIn = attentionIn;
      this.attentionOut = attentionOut;
      this.feedForwardIn = feedForwardIn;
      this.feedForwardOut = feedForwardOut;
      this.query = query;
      this.key = key;
    }

    /**
     * Lays numbers out.
     *
     * @param six in the order of {@link Factors#all}
     * @param modulated whether each item has its own, [B, dim], or all share [dim]
     */
    static Arrays of(List<float[]> six, boolean modulated, int dim) {
      Factor[] four = new Factor[4];
      for (int i = 0; i < four.length; i++) {
        four[i] = modulated ? Factor.each(six.get(i), dim) : Factor.shared(six.get(i));
      }
      return new Arrays(four[0], four[1], four[2], four[3], six.get(4), six.get(5));
    }

    /** Those of the items from one on. */
    Arrays from(int item) {
      return new Arrays(
          attentionIn.from(item),
          attentionOut.from(item),
          feedForwardIn.from(item),
          feedForwardOut.from(item),
          query,
          key);
    }
  }
}
