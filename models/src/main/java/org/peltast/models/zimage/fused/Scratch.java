package org.peltast.models.zimage.fused;

/** What the halves of a block need while they run, and nobody after. */
final class Scratch {
  final Rows n; // a normed stream
  final Rows.OfHeads values; // v, or its gradient, by row
  final Heads ah; // attended values, or their gradient, by head
  final Rows gated; // silu(u) ⊙ v, or the gradient by it
  final Heads dp; // the gradient by attention's weights, then by its scores
  final Heads dq; // by head
  final Heads dk;
  final Heads dv;
  final Rows dqRows;
  final Rows dkRows;
  final Rows dn; // by a normed stream, by attention's or the feed-forward's answer
  final Rows d; // by the stream
  final Factors.Kept factors; // by the factors

  Scratch(Shape s) {
    n = new Rows(s, s.dim());
    values = new Rows.OfHeads(s);
    ah = new Heads(s, s.headDim());
    gated = new Rows(s, s.hidden());
    dp = new Heads(s, s.tokens());
    dq = new Heads(s, s.headDim());
    dk = new Heads(s, s.headDim());
    dv = new Heads(s, s.headDim());
    dqRows = new Rows(s, s.dim());
    dkRows = new Rows(s, s.dim());
    dn = new Rows(s, s.dim());
    d = new Rows(s, s.dim());
    factors = new Factors.Kept(s.items(), s.dim(), s.headDim());
  }
}
