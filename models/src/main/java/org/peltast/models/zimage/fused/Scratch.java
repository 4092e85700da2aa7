package org.peltast.models.zimage.fused;

/** What the halves of a block need while they run, and nobody after. */
final class Scratch {
  final Rows n; // a normed stream
  final Rows.OfHeads da; // the gradient by attended values
  final Rows gated; // silu(u) ⊙ v, or the gradient by it
  final Heads dp; // the gradient by attention's weights, then by its scores
  final Heads dq; // by head
  final Heads dk;
  final Rows.OfHeads dv;
  final Rows dqRows;
  final Rows dkRows;
  final Rows dn; // by a normed stream, by attention's or the feed-forward's answer
  final Rows d; // by the stream
  final Factors.Kept factors; // by the factors

  Scratch(Shape s) {
    n = new Rows(s, s.dim());
    da = new Rows.OfHeads(s);
    gated = new Rows(s, s.hidden());
    dp = new Heads(s, s.tokens());
    dq = new Heads(s, s.headDim());
    dk = new Heads(s, s.headDim());
    dv = new Rows.OfHeads(s);
    dqRows = new Rows(s, s.dim());
    dkRows = new Rows(s, s.dim());
    dn = new Rows(s, s.dim());
    d = new Rows(s, s.dim());
    factors = new Factors.Kept(s.items(), s.dim(), s.headDim());
  }
}
