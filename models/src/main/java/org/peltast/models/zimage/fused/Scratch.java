package org.peltast.models.zimage.fused;

import org.peltast.tensor.Tensor;

/**
 * What the halves of a block need while they run, and nobody after. What is {@code all} has a row
 * for each token; the rest for the asked ones alone, and is the same memory where that is all of
 * them.
 */
final class Scratch {
  final Rows allN; // a normed stream
  final Rows n;
  final Rows.OfHeads da; // the gradient by attended values
  final Rows gated; // silu(u) ⊙ v, or the gradient by it
  final Heads dp; // the gradient by attention's weights, then by its scores
  final Heads dq; // by head
  final Heads dk;
  final Rows.OfHeads dv;
  final Rows dqRows;
  final Rows dkRows;
  final Rows allDn; // by a normed stream, by attention's or the feed-forward's answer
  final Rows dn;
  final Rows allD; // by the stream
  final Rows d;
  final Factors.Kept factors; // by the factors
  private final Tensor firstN;
  private final Tensor firstDn;
  private final Tensor firstD;

  Scratch(Shape s) {
    Shape asked = s.askedAlone();
    allN = new Rows(s, s.dim());
    n = s.isWhole() ? allN : new Rows(asked, s.dim());
    da = new Rows.OfHeads(asked);
    gated = new Rows(asked, s.hidden());
    dp = new Heads(asked, s.tokens());
    dq = new Heads(asked, s.headDim());
    dk = new Heads(s, s.headDim());
    dv = new Rows.OfHeads(s);
    dqRows = new Rows(asked, s.dim());
    dkRows = new Rows(s, s.dim());
    allDn = new Rows(s, s.dim());
    dn = s.isWhole() ? allDn : new Rows(asked, s.dim());
    allD = Rows.ofStream(s);
    d = s.isWhole() ? allD : Rows.ofStream(asked);
    factors = new Factors.Kept(s.items(), s.dim(), s.headDim());
    firstN = allN.first(s.asked());
    firstDn = allDn.first(s.asked());
    firstD = allD.first(s.asked());
  }

  /** The asked rows of the normed stream. */
  void pickNormed() {
    if (n != allN) {
      n.items.copyFrom(firstN);
    }
  }

  /** Adds the gradient by the asked normed rows, through the queries' weight, to that by all. */
  void addNormed(Tensor toQ) {
    if (dn == allDn) {
      dn.rows.addProduct(dqRows.rows, toQ);
    } else {
      dn.rows.assignProduct(dqRows.rows, toQ);
      firstDn.copyFrom(firstDn.add(dn.items));
    }
  }

  /** The gradient by all of the stream, which is that by the asked rows so far. */
  void spread() {
    if (d != allD) {
      allD.memory.tensor().zeroInPlace();
      firstD.copyFrom(d.items);
    }
  }
}
