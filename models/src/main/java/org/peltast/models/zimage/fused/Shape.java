package org.peltast.models.zimage.fused;

import org.peltast.tensor.DType;
import org.peltast.tensor.fused.Norms;
import org.peltast.tensor.fused.Rotary;

/**
 * The sizes of a block's work on some items of a batch.
 *
 * @param items n
 * @param tokens S of each
 * @param asked A, how many of them, from the first, the block is to answer for; all of them are
 *     attended to
 * @param dim d
 * @param heads H
 * @param hidden F, the feed-forward's width
 * @param eps of the norms over a row
 * @param headEps of the norms of queries and keys
 * @param modulated whether each item has factors of its own
 * @param products in which dtype matrices are multiplied, so what products read and write
 */
record Shape(
    int items,
    int tokens,
    int asked,
    int dim,
    int heads,
    int hidden,
    double eps,
    double headEps,
    boolean modulated,
    DType products) {
  /** Whose factors there are: each item's where time modulates them, else one for all. */
  int factorItems() {
    return modulated ? items : 1;
  }

  int rows() {
    return items * tokens;
  }

  int headDim() {
    return dim / heads;
  }

  Norms.Layout norms() {
    return new Norms.Layout(items, tokens, dim, (float) eps);
  }

  Rotary.Layout rotary() {
    return new Rotary.Layout(items, tokens, heads, headDim(), (float) headEps);
  }

  Shape of(int otherItems, int otherTokens) {
    return new Shape(
        otherItems,
        otherTokens,
        otherTokens,
        dim,
        heads,
        hidden,
        eps,
        headEps,
        modulated,
        products);
  }

  /** Whether all tokens are asked for. */
  boolean isWhole() {
    return asked == tokens;
  }

  /** The same, answering for fewer tokens. */
  Shape asking(int first) {
    return new Shape(items, tokens, first, dim, heads, hidden, eps, headEps, modulated, products);
  }

  /** The asked tokens alone. */
  Shape askedAlone() {
    return of(items, asked);
  }
}
