package org.peltast.models.nextdit;

import org.jspecify.annotations.Nullable;
import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Attention;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;
import org.peltast.tensor.nn.RmsNorm;

/**
 * Multi-head self-attention with normalised, rotated queries and keys. Several query heads may
 * share one head of keys and values (grouped-query attention, Ainslie et al., 2023): consecutive
 * ones, of H/G query heads each.
 */
public final class RotaryAttention {
  /** ε of the q and k norms, whatever that of the blocks is. */
  public static final double NORM_EPS = 1e-5;

  /**
   * Sizes.
   *
   * @param dim width of a token, a multiple of heads
   * @param heads H, of queries
   * @param groups G, heads of keys and values; H is a multiple of it
   * @param normed whether queries and keys are normalised
   */
  public record Shape(int dim, int heads, int groups, boolean normed) {
    int headDim() {
      return dim / heads;
    }

    int groupedDim() {
      return groups * headDim();
    }
  }

  private final Shape shape;
  private final Linear toQ; // [dim, dim]
  private final Linear toK; // [G·headDim, dim]
  private final Linear toV; // [G·headDim, dim]
  private final Linear toOut; // [dim, dim]
  private final @Nullable RmsNorm normQ; // [headDim]
  private final @Nullable RmsNorm normK; // [headDim]

  /**
   * Declares {@code norm_q}, {@code norm_k}, {@code to_q}, {@code to_k}, {@code to_v}, {@code
   * to_out.0}.
   */
  public RotaryAttention(Parameters p, Shape shape) {
    this.shape = shape;
    int dim = shape.dim();
    int headDim = shape.headDim();
    normQ = shape.normed() ? new RmsNorm(p.at("norm_q"), headDim, NORM_EPS) : null;
    normK = shape.normed() ? new RmsNorm(p.at("norm_k"), headDim, NORM_EPS) : null;
    toQ = new Linear(p.at("to_q"), dim, dim, false);
    toK = new Linear(p.at("to_k"), dim, shape.groupedDim(), false);
    toV = new Linear(p.at("to_v"), dim, shape.groupedDim(), false);
    toOut = new Linear(p.at("to_out").at("0"), dim, dim, false);
  }

  /**
   * Attends within each item.
   *
   * @param x [B, S, dim]
   * @param rope complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S], 0 or −∞ to add to the scores; null where every key counts
   * @param asked A, the tokens, from the first, that attend; all are attended to
   * @return [B, A, dim] in the product dtype
   */
  Tensor forward(Tensor x, Tensor rope, @Nullable Tensor mask, int asked) {
    long b = x.size(0);
    long s = x.size(1);
    int headDim = shape.headDim();
    int groups = shape.groups();
    DType products = toQ.weight().inProducts().dtype();
    Tensor in = x.to(products);
    // The scores' 1/√headDim goes into the queries, where it costs nothing.
    double scale = 1 / Math.sqrt(headDim);
    Tensor q; // [B, A, H, headDim]
    Tensor kv; // [B, S, 2·G, headDim]
    if (asked == s) {
      // One product for all three projections: [(H + 2·G)·headDim, dim].
      Tensor qkv =
          Linear.together(in, toQ, toK, toV).reshape(b, s, shape.heads() + 2L * groups, headDim);
      q = qkv.narrow(2, 0, shape.heads());
      kv = qkv.narrow(2, shape.heads(), 2L * groups);
    } else {
      q = Linear.together(in.narrow(1, 0, asked), toQ).reshape(b, asked, shape.heads(), headDim);
      kv = Linear.together(in, toK, toV).reshape(b, s, 2L * groups, headDim);
    }
    Tensor places = rope.narrow(rope.rank() - 3, 0, asked);
    q = rotated(q, normQ, scale, places).to(products).transpose(1, 2);
    Tensor k = rotated(kv.narrow(2, 0, groups), normK, 1, rope).to(products).transpose(1, 2);
    Tensor v = kv.narrow(2, groups, groups).transpose(1, 2); // [B, G, S, headDim], as k
    Tensor attended = attend(q, k, v, mask); // [B, H, A, headDim]
    return toOut.forward(attended.transpose(1, 2).reshape(b, asked, shape.dim()));
  }

  /**
   * A group's query heads attend to one and the same keys: as rows of one head, so that neither
   * keys nor values are repeated in memory.
   */
  private Tensor attend(Tensor q, Tensor k, Tensor v, @Nullable Tensor mask) {
    long shared = shape.heads() / shape.groups();
    if (shared == 1) {
      return Attention.scaled(q, k, v, mask);
    }
    long b = q.size(0);
    long rows = q.size(2);
    Tensor grouped = q.reshape(b, shape.groups(), shared * rows, shape.headDim());
    return Attention.scaled(grouped, k, v, mask).reshape(b, shape.heads(), rows, shape.headDim());
  }

  /** Normalised, scaled and turned: float32 [B, S, heads, headDim]. */
  private static Tensor rotated(Tensor x, @Nullable RmsNorm norm, double scale, Tensor rope) {
    Tensor n =
        norm == null
            ? x.to(DType.FLOAT32).mul(scale)
            : norm.normalise(
                x, scale == 1 ? norm.weight().value() : norm.weight().value().mul(scale));
    return n.asComplex().mul(rope).asReal();
  }

  /** The weight of the norm of queries. */
  public Parameter normQ() {
    return weight(normQ);
  }

  /** The weight of the norm of keys. */
  public Parameter normK() {
    return weight(normK);
  }

  private static Parameter weight(@Nullable RmsNorm norm) {
    if (norm == null) {
      throw new IllegalStateException("queries and keys are not normed here");
    }
    return norm.weight();
  }

  /** The queries' projection. */
  public Parameter toQ() {
    return toQ.weight();
  }

  /** The keys' projection. */
  public Parameter toK() {
    return toK.weight();
  }

  /** The values' projection. */
  public Parameter toV() {
    return toV.weight();
  }

  /** The output's projection. */
  public Parameter toOut() {
    return toOut.weight();
  }
}
