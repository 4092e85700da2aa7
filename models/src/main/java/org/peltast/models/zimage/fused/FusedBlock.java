package org.peltast.models.zimage.fused;

import static org.peltast.models.zimage.fused.BlockWeights.transposed;

import org.peltast.tensor.fused.Gate;
import org.peltast.tensor.fused.Norms;
import org.peltast.tensor.fused.Rotary;
import org.peltast.tensor.fused.Softmax;

/**
 * The function of the plain block and its gradient by hand, in kept memory: products by libtorch,
 * all between them by kernels. With {@code norm(x) = x/rms(x)} and the factors f₁ … f₄ (a norm's
 * weight times the modulation after it):
 *
 * <pre>
 *   n = f₁ norm(x)         q, k, v = n Wq ᵀ, n Wk ᵀ, n Wv ᵀ     q̂, k̂ = turn(fq norm(q)), turn(fk norm(k))
 *   p = softmax(q̂ k̂ᵀ)      o = (p v) Woᵀ                        h = x + f₂ norm(o)
 *   n′ = f₃ norm(h)        u, w = n′ W₁ᵀ, n′ W₃ᵀ                f = (silu(u) ⊙ w) W₂ᵀ
 *   y = h + f₄ norm(f)
 * </pre>
 *
 * <p>x, h, y, the factors and 1/rms are float32; all else, and its gradient, is in the products'
 * dtype.
 *
 * <p>A block may be asked for some tokens' rows alone, as the last one is; keys and values are all
 * tokens' then, and all else is theirs. For some items of a batch at a time. Its users on several
 * threads each bring activations, scratch and gradients of their own.
 */
final class FusedBlock {
  private final BlockWeights w;

  FusedBlock(BlockWeights weights) {
    this.w = weights;
  }

  /**
   * The forward half.
   *
   * @param in x and the factors; what the backward half needs of the rest, written
   * @param y [n·A, dim], written; may be x's own memory if no backward half follows and all tokens
   *     are asked for
   */
  void forward(Shape s, Activations in, Positions places, Rows y, Scratch t) {
    Factors.Kept f = in.factors;
    Shape asked = s.askedAlone();
    Norms.forward(s.norms(), in.x.memory, f.attentionIn, t.allN.memory, in.r1);
    t.pickNormed();
    in.q.rows.assignProduct(t.n.rows, transposed(w.toQ()));
    in.k.rows.assignProduct(t.allN.rows, transposed(w.toK()));
    in.values.rows.assignProduct(t.allN.rows, transposed(w.toV()));
    Rotary.forward(asked.rotary(), in.q.memory, f.query, places.turnsOfAsked(s), in.qh.memory);
    Rotary.forward(s.rotary(), in.k.memory, f.key, places.turns(), in.kh.memory);
    in.p.each.assignProduct(in.qh.each, in.kh.transposed);
    Softmax.forward(in.p.memory, s.items(), s.tokens(), places.mask());
    in.a.each.assignProduct(in.p.each, in.values.each);
    in.o.rows.assignProduct(in.a.rows, transposed(w.toOut()));
    Rows x = askedOf(in.x, s, t);
    Norms.join(asked.norms(), x.memory, in.o.memory, f.attentionOut, in.h.memory, in.r2);

    Norms.forward(asked.norms(), in.h.memory, f.feedForwardIn, t.n.memory, in.r3);
    in.u.rows.assignProduct(t.n.rows, transposed(w.w1()));
    in.v.rows.assignProduct(t.n.rows, transposed(w.w3()));
    Gate.forward(in.u.memory, in.v.memory, t.gated.memory);
    in.f.rows.assignProduct(t.gated.rows, transposed(w.w2()));
    Norms.join(asked.norms(), in.h.memory, in.f.memory, f.feedForwardOut, y.memory, in.r4);
  }

  /** The asked rows of the stream; a copy of some of them lies where its gradient will. */
  private static Rows askedOf(Rows x, Shape s, Scratch t) {
    if (s.isWhole()) {
      return x;
    }
    t.d.items.copyFrom(x.items.narrow(1, 0, s.asked()));
    return t.d;
  }

  /**
   * The backward half; adds to the gradients of the weights and uses up the activations.
   *
   * @param t its {@code d} is the gradient by y on entry, its {@code allD} that by x on return; the
   *     factors' gradients are added to its {@code factors}
   */
  void backward(Shape s, Activations in, Positions places, Scratch t) {
    Factors.Kept f = in.factors;
    Factors.Kept df = t.factors;
    Rows d = t.d;
    Norms.Layout asked = s.askedAlone().norms();
    Norms.backward(
        asked,
        in.f.memory,
        in.r4,
        f.feedForwardOut,
        d.memory,
        t.dn.memory,
        false,
        df.feedForwardOut);
    t.gated.rows.assignProduct(t.dn.rows, w.w2().inProducts());
    Gate.backward(in.u.memory, in.v.memory, t.gated.memory);
    w.w2().addGradient(t.dn.columns, t.gated.rows);
    Norms.again(asked, in.h.memory, in.r3, f.feedForwardIn, t.n.memory);
    w.w1().addGradient(in.u.columns, t.n.rows);
    w.w3().addGradient(in.v.columns, t.n.rows);
    t.dn.rows.assignProduct(in.u.rows, w.w1().inProducts());
    t.dn.rows.addProduct(in.v.rows, w.w3().inProducts());
    Norms.backward(
        asked, in.h.memory, in.r3, f.feedForwardIn, t.dn.memory, d.memory, true, df.feedForwardIn);

    Norms.backward(
        asked, in.o.memory, in.r2, f.attentionOut, d.memory, t.dn.memory, false, df.attentionOut);
    w.toOut().addGradient(t.dn.columns, in.a.rows);
    t.da.rows.assignProduct(t.dn.rows, w.toOut().inProducts());
    t.dp.each.assignProduct(t.da.each, in.values.transposed);
    t.dv.each.assignProduct(in.p.transposed, t.da.each);
    Softmax.backward(in.p.memory, s.tokens(), t.dp.memory);
    t.dq.each.assignProduct(t.dp.each, in.kh.each);
    t.dk.each.assignProduct(t.dp.transposed, in.qh.each);
    Rotary.backward(
        s.askedAlone().rotary(),
        in.q.memory,
        f.query,
        places.turnsOfAsked(s),
        t.dq.memory,
        t.dqRows.memory,
        df.query);
    Rotary.backward(
        s.rotary(), in.k.memory, f.key, places.turns(), t.dk.memory, t.dkRows.memory, df.key);
    Norms.again(s.norms(), in.x.memory, in.r1, f.attentionIn, t.allN.memory);
    t.pickNormed();
    w.toQ().addGradient(t.dqRows.columns, t.n.rows);
    w.toK().addGradient(t.dkRows.columns, t.allN.rows);
    w.toV().addGradient(t.dv.columns, t.allN.rows);
    t.allDn.rows.assignProduct(t.dkRows.rows, w.toK().inProducts());
    t.allDn.rows.addProduct(t.dv.rows, w.toV().inProducts());
    t.addNormed(w.toQ().inProducts());
    t.spread();
    Norms.backward(
        s.norms(),
        in.x.memory,
        in.r1,
        f.attentionIn,
        t.allDn.memory,
        t.allD.memory,
        true,
        df.attentionIn);
  }
}
