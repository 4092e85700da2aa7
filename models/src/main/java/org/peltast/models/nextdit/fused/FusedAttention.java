package org.peltast.models.nextdit.fused;

import java.util.List;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.kernels.Rotary;
import org.peltast.tensor.kernels.Softmax;

/**
 * Attention from normed rows to its answer, and its gradient by hand:
 *
 * <pre>
 *   q, k, v = n Wqᵀ, n Wkᵀ, n Wvᵀ      q̂, k̂ = turn(fq norm(q)), turn(fk norm(k))
 *   p = softmax(q̂ k̂ᵀ)                  o = (p v) Woᵀ
 * </pre>
 *
 * <p>Several query heads may share a head of keys and values: consecutive ones, r of them. A
 * product takes one query head of each group, so there are r for each line above that has both.
 *
 * <p>Only the first rows of each item may be asked for: queries, and all that follows, are theirs
 * alone then; keys and values are all tokens'.
 */
final class FusedAttention {
  private final BlockWeights w;

  FusedAttention(BlockWeights weights) {
    this.w = weights;
  }

  /** What it makes on the way, of which the backward half needs all. */
  static final class Kept {
    private final Rows q; // before its norm
    private final Rows k;
    private final Rows turnedQ; // where no backward half follows, in q's own place
    private final Rows turnedK;
    private final Rows v;
    private final HostBuffer p; // attention's weights, [n, H, A, S]
    private final Rows a; // attended values
    final Rows o;
    private final List<Matrices> queries; // of the j-th head of each group
    private final Matrices keys;
    private final Matrices values;
    private final List<Matrices> weights;
    private final List<Matrices> attended;

    Kept(Shape s, Workspace.Space space) {
      q = Rows.ofStream(space, s, s.rows());
      k = Rows.ofGroups(space, s);
      turnedQ = s.learning() ? Rows.ofStream(space, s, s.rows()) : q;
      turnedK = s.learning() ? Rows.ofGroups(space, s) : k;
      v = Rows.ofGroups(space, s);
      p = scores(space, s);
      a = Rows.ofStream(space, s, s.askedRows());
      o = Rows.ofStream(space, s, s.askedRows());
      queries = turnedQ.heads(s, s.tokens()).first(s.asked()).dealt(s.sharing());
      keys = turnedK.groups(s);
      values = v.groups(s);
      weights = byHead(s, p);
      attended = a.heads(s, s.asked()).dealt(s.sharing());
    }
  }

  /** What the backward half needs while it runs. */
  static final class Scratch {
    private final Rows da;
    private final HostBuffer dp; // the gradient by attention's weights, then by its scores
    private final Rows dq; // by what was turned, then by what was not
    private final Rows dk;
    private final Rows dv;
    private final List<Matrices> attended; // gradients
    private final List<Matrices> weights;
    private final List<Matrices> queries;
    private final Matrices keys;
    private final Matrices values;

    Scratch(Shape s, Workspace.Space space) {
      da = Rows.ofStream(space, s, s.askedRows());
      dp = scores(space, s);
      dq = Rows.ofStream(space, s, s.rows());
      dk = Rows.ofGroups(space, s);
      dv = Rows.ofGroups(space, s);
      attended = da.heads(s, s.asked()).dealt(s.sharing());
      weights = byHead(s, dp);
      queries = dq.heads(s, s.tokens()).first(s.asked()).dealt(s.sharing());
      keys = dk.groups(s);
      values = dv.groups(s);
    }
  }

  private static HostBuffer scores(Workspace.Space space, Shape s) {
    return space.floats(s.products(), s.items(), s.heads(), s.asked(), s.tokens());
  }

  private static List<Matrices> byHead(Shape s, HostBuffer scores) {
    return Matrices.byHead(scores, s.items(), s.heads(), s.asked(), s.tokens()).dealt(s.sharing());
  }

  /**
   * The forward half.
   *
   * @param n normed rows, all tokens'
   */
  void forward(Shape s, Kept in, Rows n, Factors f, Positions places) {
    in.q.all.assignLinear(n.all, w.toQ().matrix());
    in.k.all.assignLinear(n.all, w.toK().matrix());
    in.v.all.assignLinear(n.all, w.toV().matrix());
    Rotary.forward(s.queries(), in.q.memory, f.query(), places.turns(), in.turnedQ.memory);
    Rotary.forward(s.keys(), in.k.memory, f.key(), places.turns(), in.turnedK.memory);
    for (int j = 0; j < s.sharing(); j++) {
      in.weights.get(j).assignProduct(in.queries.get(j), in.keys.transposed());
    }
    Softmax.forward(in.p, s.items(), s.tokens(), places.absent());
    for (int j = 0; j < s.sharing(); j++) {
      in.attended.get(j).assignProduct(in.weights.get(j), in.values);
    }
    in.o.all.assignLinear(in.a.all, w.toOut().matrix());
  }

  /**
   * The backward half.
   *
   * @param dAnswer the gradient by the answer
   * @param n as in the forward half
   * @param dn the gradient by it, written
   * @param df to whose query and key it is added, or {@link Factors#NONE}
   * @param g adds to the gradients of the weights
   */
  void backward(
      Shape s,
      Kept in,
      Rows dAnswer,
      Rows n,
      Rows dn,
      Factors f,
      Factors df,
      Positions places,
      WeightGradients g,
      Scratch t) {
    g.add(w.toOut(), dAnswer.all, in.a.all);
    t.da.all.assignLinearBack(dAnswer.all, w.toOut().matrix());
    for (int j = 0; j < s.sharing(); j++) {
      t.weights.get(j).assignProduct(t.attended.get(j), in.values.transposed());
    }
    sum(t.values, in.weights, t.attended);
    Softmax.backward(in.p, s.tokens(), t.dp);
    for (int j = 0; j < s.sharing(); j++) {
      t.queries.get(j).assignProduct(t.weights.get(j), in.keys);
    }
    sum(t.keys, t.weights, in.queries);
    Rotary.backward(
        s.queries(), in.q.memory, f.query(), places.turns(), t.dq.memory, t.dq.memory, df.query());
    Rotary.backward(
        s.keys(), in.k.memory, f.key(), places.turns(), t.dk.memory, t.dk.memory, df.key());
    g.add(w.toQ(), t.dq.all, n.all);
    g.add(w.toK(), t.dk.all, n.all);
    g.add(w.toV(), t.dv.all, n.all);
    dn.all.assignLinearBack(t.dq.all, w.toQ().matrix());
    dn.all.addLinearBack(t.dk.all, w.toK().matrix());
    dn.all.addLinearBack(t.dv.all, w.toV().matrix());
  }

  /** {@code to ← Σ aᵀ b} over the query heads that share one of keys. */
  private static void sum(Matrices to, List<Matrices> a, List<Matrices> b) {
    to.assignProduct(a.get(0).transposed(), b.get(0));
    for (int j = 1; j < a.size(); j++) {
      to.addProduct(a.get(j).transposed(), b.get(j));
    }
  }
}
