package org.peltast.models.zimage.fused;

import org.peltast.tensor.Floats;

/**
 * What a block's forward half leaves for its backward half. What attention looks at has a row for
 * each token, all else for the asked ones alone.
 */
final class Activations {
  final Factors.Kept factors;
  final Rows x; // the block's input
  final Floats r1; // 1/rms of x
  final Rows q; // before its norm
  final Rows k;
  final Heads qh; // normed, turned, by head
  final Heads kh;
  final Rows.OfHeads values;
  final Heads p; // attention's weights, [n, H, A, S]
  final Rows.OfHeads a; // attended values
  final Rows o; // attention's answer
  final Floats r2; // 1/rms of o
  final Rows h; // the stream between the sub-layers
  final Floats r3; // 1/rms of h
  final Rows u; // W₁ n
  final Rows v; // W₃ n
  final Rows f; // the feed-forward's answer
  final Floats r4; // 1/rms of f

  Activations(Shape s) {
    Shape asked = s.askedAlone();
    factors = new Factors.Kept(s.factorItems(), s.dim(), s.headDim());
    x = Rows.ofStream(s);
    r1 = Floats.allocate(s.rows());
    q = new Rows(asked, s.dim());
    k = new Rows(s, s.dim());
    qh = new Heads(asked, s.headDim());
    kh = new Heads(s, s.headDim());
    values = new Rows.OfHeads(s);
    p = new Heads(asked, s.tokens());
    a = new Rows.OfHeads(asked);
    o = new Rows(asked, s.dim());
    r2 = Floats.allocate(asked.rows());
    h = Rows.ofStream(asked);
    r3 = Floats.allocate(asked.rows());
    u = new Rows(asked, s.hidden());
    v = new Rows(asked, s.hidden());
    f = new Rows(asked, s.dim());
    r4 = Floats.allocate(asked.rows());
  }
}
