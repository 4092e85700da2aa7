package org.peltast.models.nextdit.fused;

import org.peltast.tensor.Matrices;
import org.peltast.tensor.kernels.Gate;

/**
 * SwiGLU from normed rows to its answer, and its gradient by hand:
 *
 * <pre>
 *   u, v = n W₁ᵀ, n W₃ᵀ      o = (silu(u) ⊙ v) W₂ᵀ
 * </pre>
 */
final class FusedFeedForward {
  private final BlockWeights w;

  FusedFeedForward(BlockWeights weights) {
    this.w = weights;
  }

  /** What it makes on the way, of which the backward half needs all. */
  static final class Kept {
    private final Gate.Layout layout;
    private final Rows u;
    private final Rows v;
    final Rows o;

    Kept(Shape s, Workspace.Space space) {
      layout = new Gate.Layout(s.askedRows(), s.hidden(), Matrices.padded(s.hidden()));
      u = Rows.ofHidden(space, s);
      v = Rows.ofHidden(space, s);
      o = Rows.ofStream(space, s, s.askedRows());
    }
  }

  /**
   * The forward half.
   *
   * @param n normed rows
   * @param gated silu(u) ⊙ v, written
   */
  void forward(Kept in, Rows n, Rows gated) {
    in.u.all.assignLinear(n.all, w.w1().matrix());
    in.v.all.assignLinear(n.all, w.w3().matrix());
    Gate.forward(in.layout, in.u.memory, in.v.memory, gated.memory);
    in.o.all.assignLinear(gated.all, w.w2().matrix());
  }

  /**
   * The backward half; uses up what was kept.
   *
   * @param dAnswer the gradient by the answer
   * @param n as in the forward half
   * @param dn the gradient by it, written
   * @param g adds to the gradients of the weights
   * @param gated overwritten
   */
  void backward(Kept in, Rows dAnswer, Rows n, Rows dn, WeightGradients g, Rows gated) {
    gated.all.assignLinearBack(dAnswer.all, w.w2().matrix());
    Gate.backward(in.layout, in.u.memory, in.v.memory, gated.memory);
    g.add(w.w2(), dAnswer.all, gated.all);
    g.add(w.w1(), in.u.all, n.all);
    g.add(w.w3(), in.v.all, n.all);
    dn.all.assignLinearBack(in.u.all, w.w1().matrix());
    dn.all.addLinearBack(in.v.all, w.w3().matrix());
  }
}
