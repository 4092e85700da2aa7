package org.peltast.models.zimage.fused;

import java.util.List;
import org.peltast.tensor.Floats;
import org.peltast.tensor.Tensor;

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

  /** In the order of {@link Kept#all}. */
  List<Tensor> all() {
    return List.of(attentionIn, attentionOut, feedForwardIn, feedForwardOut, query, key);
  }

  /** Factors, or their gradients, of some items in memory that kernels read and write. */
  static final class Kept {
    final Floats attentionIn;
    final Floats attentionOut;
    final Floats feedForwardIn;
    final Floats feedForwardOut;
    final Floats query;
    final Floats key;

    /**
     * Room for the factors of a number of items.
     *
     * @param items 1 where all share them
     */
    Kept(int items, int dim, int headDim) {
      attentionIn = Floats.allocate(items, dim);
      attentionOut = Floats.allocate(items, dim);
      feedForwardIn = Floats.allocate(items, dim);
      feedForwardOut = Floats.allocate(items, dim);
      query = Floats.allocate(1, headDim);
      key = Floats.allocate(1, headDim);
    }

    List<Floats> all() {
      return List.of(attentionIn, attentionOut, feedForwardIn, feedForwardOut, query, key);
    }

    /** Copies those of the items that begin at {@code from}. */
    void load(Factors factors, int from) {
      List<Tensor> given = factors.all();
      for (int i = 0; i < COUNT; i++) {
        Tensor own = all().get(i).tensor(); // [n, width]
        Tensor g = given.get(i).detach();
        own.copyFrom(
            g.rank() == 1 ? g.unsqueeze(0) : g.narrow(0, from, own.size(0)).reshape(own.shape()));
      }
    }

    void zero() {
      for (Floats f : all()) {
        f.tensor().zeroInPlace();
      }
    }
  }
}
