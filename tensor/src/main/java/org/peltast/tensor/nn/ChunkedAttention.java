package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Internals;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Attention whose scores are computed for some heads and queries at a time, and computed again for
 * the backward pass (Rabe and Staats, "Self-attention does not need O(n²) memory", 2021): queries,
 * keys and values are kept, and no number for each pair of tokens.
 *
 * <p>With P = softmax(q kᵀ + bias) and the gradient dO of P v, a chunk adds
 *
 * <pre>
 *   dv += Pᵀ dO    dP = dO vᵀ    dS = P ⊙ (dP − rowsum(dP ⊙ P))    dq = dS k    dk += dSᵀ q
 * </pre>
 *
 * <p>A chunk's answers are those of {@link Attention}'s two products, row by row; sums over chunks
 * are float32.
 */
final class ChunkedAttention implements CustomGradient.Backward {
  /** Scores of a chunk: few enough to stay in a cache, enough for fast products. */
  static final long SCORES = 1 << 20;

  private final Tensor q; // [B, H, S, D], scaled
  private final Tensor k; // [B, H, T, D]
  private final Tensor v; // [B, H, T, E]
  private final @Nullable Tensor bias; // broadcasts against [B, H, S, T], in q's dtype
  private final Scope scope = Scope.detached();
  private final boolean asksForQ;
  private final boolean asksForK;
  private final boolean asksForV;

  private ChunkedAttention(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
    this.asksForQ = q.requiresGrad();
    this.asksForK = k.requiresGrad();
    this.asksForV = v.requiresGrad();
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      this.q = scope.keep(q.detach());
      this.k = scope.keep(k.detach());
      this.v = scope.keep(v.detach());
      this.bias = bias == null ? null : scope.keep(bias.detach().to(q.dtype()));
    }
  }

  /** See {@link Attention#scaled}. */
  static Tensor of(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias) {
    List<Tensor> inputs = List.of(q, k, v);
    ChunkedAttention function = new ChunkedAttention(q, k, v, bias);
    try {
      return Scope.compute(() -> CustomGradient.record(function.forward(), inputs, function));
    } catch (RuntimeException | Error e) {
      function.close();
      throw e;
    }
  }

  /** Some heads of an item, and some of their queries. */
  private record Chunk(long item, long head, long heads, long row, long rows) {
    /** Their part of [B, H, S, …], or of what broadcasts against it: [heads, rows, …]. */
    Tensor of(Tensor x) {
      return part(ofHeads(x), 1, row, rows);
    }

    /** Their heads' part of [B, H, …]: [heads, …]. */
    Tensor ofHeads(Tensor x) {
      return part(part(x, 0, item, 1).select(0, 0), 0, head, heads);
    }

    private static Tensor part(Tensor x, int dim, long from, long count) {
      return x.size(dim) == 1 ? x : x.narrow(dim, from, count);
    }
  }

  private List<Chunk> chunks() {
    long heads = q.size(1);
    long rows = q.size(2);
    long keys = k.size(2);
    long atOnce = Math.min(rows, Math.max(1, SCORES / keys));
    long together = Math.min(heads, Math.max(1, SCORES / (atOnce * keys)));
    List<Chunk> chunks = new ArrayList<>();
    for (long b = 0; b < q.size(0); b++) {
      for (long h = 0; h < heads; h += together) {
        for (long r = 0; r < rows; r += atOnce) {
          chunks.add(new Chunk(b, h, Math.min(together, heads - h), r, Math.min(atOnce, rows - r)));
        }
      }
    }
    return chunks;
  }

  private static void each(List<Chunk> chunks, Consumer<Chunk> body) {
    for (Chunk chunk : chunks) {
      Scope.run(() -> body.accept(chunk));
    }
  }

  private Tensor weights(Chunk c) {
    Tensor scores =
        Internals.productsByHead(c.of(q), c.ofHeads(k).transpose(1, 2)); // [heads, rows, T]
    return (bias == null ? scores : scores.add(c.of(bias))).softmax(-1);
  }

  /** [B, H, S, E], in memory as [B, S, H, E]: as the next layer wants it. */
  private Tensor forward() {
    try (Autograd off = Autograd.off()) {
      Tensor answer = like(q, v.size(3), q.dtype());
      if (isMeta()) {
        outline(1);
        if (MetaMemory.standsFor(q.device()).kind() == Device.Kind.CUDA) {
          // The fused kernels keep their answer, and a float32 number for each row of scores.
          scope.keep(answer.detach());
          scope.keep(like(q, 1, DType.FLOAT32));
        }
      } else {
        each(
            chunks(),
            c -> c.of(answer).copyFrom(Internals.productsByHead(weights(c), c.ofHeads(v))));
      }
      return answer;
    }
  }

  @Override
  public List<@Nullable Tensor> gradients(Tensor dAnswer) {
    Tensor dq = like(q, q.size(3), q.dtype());
    Tensor dk = like(k, k.size(3), DType.FLOAT32);
    Tensor dv = like(v, v.size(3), DType.FLOAT32);
    if (isMeta()) {
      outline(4);
    } else {
      each(chunks(), c -> addGradients(c, dAnswer, dq, dk, dv));
    }
    return Arrays.asList(
        asksForQ ? dq : null,
        asksForK ? dk.to(k.dtype()) : null,
        asksForV ? dv.to(v.dtype()) : null);
  }

  private void addGradients(Chunk c, Tensor dAnswer, Tensor dq, Tensor dk, Tensor dv) {
    Tensor weights = weights(c);
    Tensor dRows = c.of(dAnswer);
    if (asksForV) {
      add(c.ofHeads(dv), Internals.productsByHead(weights.transpose(1, 2), dRows));
    }
    if (asksForQ || asksForK) {
      Tensor dWeights = Internals.productsByHead(dRows, c.ofHeads(v).transpose(1, 2));
      Tensor dScores = Internals.softmaxGradient(dWeights, weights);
      if (asksForQ) {
        c.of(dq).copyFrom(Internals.productsByHead(dScores, c.ofHeads(k)));
      }
      if (asksForK) {
        add(c.ofHeads(dk), Internals.productsByHead(dScores.transpose(1, 2), c.of(q)));
      }
    }
  }

  private static void add(Tensor sum, Tensor part) {
    sum.addInPlace(part.to(DType.FLOAT32));
  }

  /** Zeros [B, H, rows of x, width], in memory as [B, rows, H, width]. */
  private static Tensor like(Tensor x, long width, DType dtype) {
    return Tensor.zeros(dtype, x.device(), x.size(0), x.size(2), x.size(1), width).transpose(1, 2);
  }

  private boolean isMeta() {
    return q.device().kind() == Device.Kind.META;
  }

  /** As many numbers as so many tensors of a chunk have, on the meta device. */
  private void outline(int tensors) {
    long scores = Math.min(SCORES, q.size(0) * q.size(1) * q.size(2) * k.size(2));
    Scope.run(() -> Tensor.zeros(q.dtype(), q.device(), tensors, scores));
  }

  @Override
  public void close() {
    scope.close();
  }
}
