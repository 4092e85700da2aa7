package org.peltast.models.nextdit.fused;

import org.peltast.tensor.DType;
import org.peltast.tensor.kernels.Norms;
import org.peltast.tensor.kernels.Rotary;

/**
 * The sizes of a block's work on some items of a batch.
 *
 * @param items n
 * @param tokens S of each
 * @param asked A, how many of them, from the first, the block is to answer for; all of them are
 *     attended to
 * @param dim d
 * @param heads H, of queries
 * @param groups G, heads of keys and values; H is a multiple of it
 * @param hidden F, the feed-forward's width
 * @param eps of the norms over a row
 * @param headEps of the norms of queries and keys
 * @param products in which dtype matrices are multiplied, so what products read and write
 * @param learning whether a backward half follows
 */
record Shape(
    int items,
    int tokens,
    int asked,
    int dim,
    int heads,
    int groups,
    int hidden,
    double eps,
    double headEps,
    DType products,
    boolean learning) {
  Shape of(int otherItems, int otherTokens, boolean forLearning) {
    return new Shape(
        otherItems,
        otherTokens,
        otherTokens,
        dim,
        heads,
        groups,
        hidden,
        eps,
        headEps,
        products,
        forLearning);
  }

  /** The same, answering for fewer tokens. */
  Shape asking(int first) {
    return new Shape(
        items, tokens, first, dim, heads, groups, hidden, eps, headEps, products, learning);
  }

  int rows() {
    return items * tokens;
  }

  int askedRows() {
    return items * asked;
  }

  int headDim() {
    return dim / heads;
  }

  /** Width of a token's keys, and of its values. */
  int groupedDim() {
    return groups * headDim();
  }

  /** Query heads that share a head of keys and values. */
  int sharing() {
    return heads / groups;
  }

  /** All rows of the stream. */
  Norms.Layout stream() {
    return new Norms.Layout(items, tokens, tokens, dim, (float) eps);
  }

  /** Those that are asked for. */
  Norms.Layout askedStream() {
    return new Norms.Layout(items, asked, tokens, dim, (float) eps);
  }

  Rotary.Layout keys() {
    return new Rotary.Layout(items, tokens, tokens, groups, headDim(), (float) headEps);
  }

  Rotary.Layout queries() {
    return new Rotary.Layout(items, asked, tokens, heads, headDim(), (float) headEps);
  }
}
