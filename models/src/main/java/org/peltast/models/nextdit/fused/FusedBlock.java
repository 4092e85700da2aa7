package org.peltast.models.nextdit.fused;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.HostBuffer;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.kernels.Factor;
import org.peltast.tensor.kernels.Norms;

/**
 * The function of the plain block and its gradient by hand, in kept memory: products by oneDNN, all
 * between them by kernels. With {@code norm(x) = x/rms(x)} and the factors f₁ … f₄ (a norm's weight
 * times the modulation after it):
 *
 * <pre>
 *   n = f₁ norm(x)        o = attention(n)         h = x + f₂ norm(o)
 *   n′ = f₃ norm(h)       o′ = feedForward(n′)     y = h + f₄ norm(o′)
 * </pre>
 *
 * <p>x, h and y are one stream, an array that each answer joins in place.
 *
 * <p>The stream, the factors and 1/rms are float32; all else, and its gradient, is in the products'
 * dtype. A block may be asked for some tokens' rows alone, as the last one is.
 */
final class FusedBlock {
  private final FusedAttention attention;
  private final FusedFeedForward feedForward;

  FusedBlock(BlockWeights weights) {
    attention = new FusedAttention(weights);
    feedForward = new FusedFeedForward(weights);
  }

  /** What a block's forward half makes of some items, of which the backward half needs all. */
  static final class Activations {
    private static final ThreadLocal<Workspace<Activations>> MEMORY =
        Workspace.ofThreads(Activations::new);

    final Shape shape;
    private final float[] r1; // 1/rms of x, o, h, o′
    private final float[] r2;
    private final float[] r3;
    private final float[] r4;
    private final FusedAttention.Kept attention;
    private final FusedFeedForward.Kept feedForward;
    private final @Nullable HostBuffer x; // kept where a backward half follows
    private final @Nullable HostBuffer h;

    private Activations(Shape s, Workspace.Space space) {
      shape = s;
      r1 = new float[s.rows()];
      r2 = new float[s.askedRows()];
      r3 = new float[s.askedRows()];
      r4 = new float[s.askedRows()];
      attention = new FusedAttention.Kept(s, space);
      feedForward = new FusedFeedForward.Kept(s, space);
      x = s.learning() ? space.floats(DType.FLOAT32, s.rows(), s.dim()) : null;
      h = s.learning() ? space.floats(DType.FLOAT32, s.askedRows(), s.dim()) : null;
    }

    static Workspace.Slot<Activations> take(Shape s) {
      return MEMORY.get().take(s);
    }

    /** The bytes of memory that a slot of that shape takes. */
    static long bytes(Shape s) {
      long all = (long) s.rows() * s.dim();
      long asked = (long) s.askedRows() * s.dim();
      long hidden = (long) s.askedRows() * Matrices.padded(s.hidden());
      long scores = (long) s.askedRows() * s.tokens() * s.heads();
      long keys = (long) s.rows() * s.groupedDim();
      long values =
          (s.learning() ? 2 * all + 3 * keys : all + 2 * keys) + scores + 3 * asked + 2 * hidden;
      long stream = s.learning() ? (all + asked) * Float.BYTES : 0;
      return values * s.products().bytes() + stream;
    }
  }

  /** What a half needs while it runs, and nobody after. */
  static final class Scratch {
    private static final ThreadLocal<Workspace<Scratch>> MEMORY = Workspace.ofThreads(Scratch::new);

    private final Rows n;
    private final Rows fed; // n′
    private final Rows gated;
    private final @Nullable Back back; // where a backward half follows

    private Scratch(Shape s, Workspace.Space space) {
      n = Rows.ofStream(space, s, s.rows());
      fed = Rows.ofStream(space, s, s.askedRows());
      gated = Rows.ofHidden(space, s);
      back = s.learning() ? new Back(s, space) : null;
    }

    static Workspace.Slot<Scratch> take(Shape s) {
      return MEMORY.get().take(s);
    }

    private static final class Back {
      final Rows dAnswer; // of the sub-layer that is at work
      final Rows dn;
      final Rows dFed;
      final FusedAttention.Scratch attention;

      Back(Shape s, Workspace.Space space) {
        dAnswer = Rows.ofStream(space, s, s.askedRows());
        dn = Rows.ofStream(space, s, s.rows());
        dFed = Rows.ofStream(space, s, s.askedRows());
        attention = new FusedAttention.Scratch(s, space);
      }
    }
  }

  /**
   * The forward half.
   *
   * @param x the stream, of whose asked rows the block's answer is added
   */
  void forward(Activations in, float[] x, Factors f, Positions places, Scratch t) {
    Norms.Layout all = in.shape.stream();
    Norms.Layout asked = in.shape.askedStream();
    all.pass(norm(all, x, in.x, f.attentionIn(), t.n, in.r1));
    attention.forward(in.shape, in.attention, t.n, f, places);
    asked.pass(
        Norms.join(asked, x, in.attention.o.memory, f.attentionOut(), in.r2),
        norm(asked, x, in.h, f.feedForwardIn(), t.fed, in.r3));
    feedForward.forward(in.feedForward, t.fed, t.gated);
    asked.pass(Norms.join(asked, x, in.feedForward.o.memory, f.feedForwardOut(), in.r4));
  }

  private static Norms.Kernel norm(
      Norms.Layout l, float[] x, @Nullable HostBuffer kept, Factor f, Rows n, float[] r) {
    Norms.Kernel norm = Norms.norm(l, x, f, n.memory, r);
    return kept == null ? norm : Norms.keep(l, x, kept).then(norm);
  }

  /**
   * The backward half; uses up the activations.
   *
   * @param d the gradient by y on entry, by x on return
   * @param df to which the gradients by the factors are added, or {@link Factors#NONE}
   * @param g adds to the gradients of the weights
   */
  void backward(
      Activations in,
      float[] d,
      Factors f,
      Factors df,
      Positions places,
      WeightGradients g,
      Scratch t) {
    Norms.Layout all = in.shape.stream();
    Norms.Layout asked = in.shape.askedStream();
    HostBuffer x = kept(in.x);
    HostBuffer h = kept(in.h);
    Scratch.Back b = kept(t.back);
    HostBuffer dAnswer = b.dAnswer.memory;
    asked.pass(
        Norms.joinBack(
            asked,
            d,
            in.feedForward.o.memory,
            in.r4,
            f.feedForwardOut(),
            dAnswer,
            df.feedForwardOut()),
        Norms.again(asked, h, in.r3, f.feedForwardIn(), t.fed.memory));
    feedForward.backward(in.feedForward, b.dAnswer, t.fed, b.dFed, g, t.gated);
    asked.pass(
        Norms.normBack(asked, d, h, in.r3, f.feedForwardIn(), b.dFed.memory, df.feedForwardIn()),
        Norms.joinBack(
            asked, d, in.attention.o.memory, in.r2, f.attentionOut(), dAnswer, df.attentionOut()));
    all.pass(Norms.again(all, x, in.r1, f.attentionIn(), t.n.memory));
    attention.backward(in.shape, in.attention, b.dAnswer, t.n, b.dn, f, df, places, g, b.attention);
    all.pass(Norms.normBack(all, d, x, in.r1, f.attentionIn(), b.dn.memory, df.attentionIn()));
  }

  private static <T> T kept(@Nullable T kept) {
    return Objects.requireNonNull(kept, "a backward half after a forward half that kept nothing");
  }
}
