package org.peltast.models.zimage.fused;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Crew;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Floats;
import org.peltast.tensor.Range;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.fused.Fused;

/**
 * Blocks one after another, forward and backward, as one function in the graph. The batch is taken
 * a few items at a time through all blocks, so that their numbers stay in the cache from one kernel
 * to the next; without gradients by a {@link Crew}, whose threads meet only at the end. What is to
 * be differentiated stays on the caller's thread: whoever trains deals a batch to a crew before it
 * comes here, and the weights' gradients are those of the crew's seats.
 */
public final class FusedBlocks {
  /** Items a thread takes at a time. */
  private static final int ITEMS = 8;

  private final List<FusedBlock> blocks;
  private final Shape shape;

  /**
   * Blocks of one kind.
   *
   * @param weights of each block, live
   * @param hidden the feed-forward's width
   * @param eps of the norms over a row
   * @param headEps of the norms of queries and keys
   * @param modulated whether each item has factors of its own
   * @param products in which dtype matrices are multiplied, float32 or bfloat16
   */
  public FusedBlocks(
      List<BlockWeights> weights,
      int dim,
      int heads,
      int hidden,
      double eps,
      double headEps,
      boolean modulated,
      DType products) {
    this.blocks = weights.stream().map(FusedBlock::new).toList();
    this.shape = new Shape(1, 1, 1, dim, heads, hidden, eps, headEps, modulated, products);
  }

  /** Why the kernels cannot compute such blocks here; null if they can. */
  public static @Nullable String obstacle(Device device, DType products, int dim, int headDim) {
    if (device.kind() != Device.Kind.CPU) {
      return "the kernels are for the CPU, the network is on " + device;
    }
    if (products != DType.FLOAT32 && products != DType.BFLOAT16) {
      return "the kernels are for float32 and bfloat16, the network multiplies in " + products;
    }
    String here = Fused.obstacle();
    if (here != null) {
      return here;
    }
    if (dim % Fused.width() != 0 || headDim % Fused.width() != 0) {
      return "rows of "
          + dim
          + " and heads of "
          + headDim
          + " are not whole vectors of "
          + Fused.width();
    }
    return null;
  }

  /** Whether sequences of that length are whole vectors, which attention's weights must be. */
  public static boolean takes(long tokens) {
    return tokens % Fused.width() == 0;
  }

  /**
   * Applies the blocks.
   *
   * @param x [B, S, dim] float32
   * @param factors of each block
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] to add to the scores, or null
   * @param asked A, the tokens, from the first, whose rows are asked for
   * @return [B, A, dim] float32
   */
  public Tensor forward(
      Tensor x, List<Factors> factors, Tensor turns, @Nullable Tensor mask, int asked) {
    // Whole vectors of the feed-forward's numbers, whatever its width.
    int rows = (asked + Fused.width() - 1) / Fused.width() * Fused.width();
    Tensor y = compute(x, factors, turns, mask, rows);
    return rows == asked ? y : y.narrow(1, 0, asked);
  }

  private Tensor compute(
      Tensor x, List<Factors> factors, Tensor turns, @Nullable Tensor mask, int asked) {
    List<Tensor> inputs = new ArrayList<>();
    inputs.add(x);
    factors.forEach(f -> inputs.addAll(f.all()));
    Given given = new Given(x, factors, turns, mask);
    Tensor y = Tensor.zeros(x.size(0), asked, shape.dim());
    List<Part> all = parts(x, asked);
    if (!CustomGradient.wanted(inputs)) {
      Crew.each(all, part -> part.forward(given, y, false));
      return y;
    }
    all.forEach(part -> part.forward(given, y, true));
    long[] shapeOfX = x.shape();
    return CustomGradient.record(
        y,
        inputs,
        new CustomGradient.Backward() {
          @Override
          public List<@Nullable Tensor> gradients(Tensor dy) {
            return backward(all, shapeOfX, dy);
          }

          @Override
          public void close() {
            all.forEach(Part::giveBack);
          }
        });
  }

  private record Given(Tensor x, List<Factors> factors, Tensor turns, @Nullable Tensor mask) {}

  /** The batch, cut up evenly: in a multiple of the number of threads, where it is large enough. */
  private List<Part> parts(Tensor x, int asked) {
    int batch = (int) x.size(0);
    int threads = Crew.size();
    int shares = (batch + ITEMS * threads - 1) / (ITEMS * threads) * threads;
    return Range.deal(batch, shares).stream()
        .map(r -> new Part(r.from(), shape.of(r.count(), (int) x.size(1)), asked))
        .toList();
  }

  /** A few items on their way through the blocks. */
  private final class Part {
    private final int from;
    private final List<Shape> shapes = new ArrayList<>(); // of each block
    private final Shape last;
    private final List<Activations> kept = new ArrayList<>();
    private @Nullable Positions places;

    Part(int from, Shape s, int asked) {
      this.from = from;
      last = s.asking(asked);
      for (int i = 0; i < blocks.size(); i++) {
        shapes.add(i < blocks.size() - 1 ? s : last);
      }
    }

    void forward(Given given, Tensor y, boolean keep) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Positions positions = Memory.positions(last);
        positions.load(given.turns(), given.mask(), from);
        places = positions;
        Activations in = Memory.activations(shapes.get(0));
        in.x.items.copyFrom(given.x().narrow(0, from, last.items()));
        for (int i = 0; i < blocks.size(); i++) {
          Shape s = shapes.get(i);
          Scratch scratch = Memory.scratch(s);
          in.factors.load(given.factors().get(i), from);
          Activations next = i == blocks.size() - 1 ? null : next(in, i, keep);
          // The scratch's d is free until the backward half: the last answer may lie there.
          blocks.get(i).forward(s, in, positions, next == null ? scratch.d : next.x, scratch);
          if (next == null) {
            y.narrow(0, from, s.items()).copyFrom(scratch.d.items);
          }
          Memory.giveBack(s, scratch);
          if (keep) {
            kept.add(in);
          } else if (next != in) {
            Memory.giveBack(s, in);
          }
          in = next == null ? in : next;
        }
        if (!keep) {
          giveBack();
        }
      }
    }

    /** Where block i + 1 finds its input; without a backward half, where block i found its own. */
    private Activations next(Activations in, int i, boolean keep) {
      Shape s = shapes.get(i + 1);
      return keep || !s.equals(shapes.get(i)) ? Memory.activations(s) : in;
    }

    /** Writes the gradients by x and by the factors; those by the matrices are added to them. */
    void backward(Tensor dy, Tensor dx, List<List<Tensor>> factors) {
      Positions positions = places;
      if (positions == null) {
        throw new IllegalStateException("a backward half without its forward half");
      }
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Scratch scratch = Memory.scratch(last);
        scratch.d.items.copyFrom(dy.narrow(0, from, last.items()));
        for (int i = blocks.size() - 1; i >= 0; i--) {
          Shape s = shapes.get(i);
          if (i == blocks.size() - 2 && !s.equals(last)) {
            Scratch whole = Memory.scratch(s);
            whole.d.items.copyFrom(scratch.allD.items);
            Memory.giveBack(last, scratch);
            scratch = whole;
          }
          scratch.factors.zero();
          blocks.get(i).backward(s, kept.get(i), positions, scratch);
          List<Floats> own = scratch.factors.all();
          for (int k = 0; k < Factors.COUNT; k++) {
            Tensor g = own.get(k).tensor(); // [n, dim], or [1, headDim] in the first item's row
            factors.get(i).get(k).narrow(0, from, g.size(0)).copyFrom(g);
          }
        }
        dx.narrow(0, from, last.items()).copyFrom(scratch.allD.items);
        Memory.giveBack(shapes.get(0), scratch);
      }
    }

    void giveBack() {
      for (int i = 0; i < kept.size(); i++) {
        Memory.giveBack(shapes.get(i), kept.get(i));
      }
      kept.clear();
      if (places != null) {
        Memory.giveBack(last, places);
        places = null;
      }
    }
  }

  /** In the order of the inputs. */
  private List<@Nullable Tensor> backward(List<Part> parts, long[] shapeOfX, Tensor dy) {
    Tensor dx = Tensor.zeros(shapeOfX);
    List<List<Tensor>> factors = new ArrayList<>(); // of each block: [B, width], a row an item
    for (int i = 0; i < blocks.size(); i++) {
      List<Tensor> each = new ArrayList<>();
      for (int k = 0; k < Factors.COUNT; k++) {
        each.add(Tensor.zeros(dy.size(0), k < 4 ? shape.dim() : shape.headDim()));
      }
      factors.add(each);
    }
    Tensor cotangent = dy.contiguous();
    parts.forEach(part -> part.backward(cotangent, dx, factors));
    List<@Nullable Tensor> all = new ArrayList<>();
    all.add(dx);
    for (List<Tensor> each : factors) {
      for (int k = 0; k < Factors.COUNT; k++) {
        Tensor rows = each.get(k);
        all.add(k < 4 && shape.modulated() ? rows.unsqueeze(1) : rows.sum(false, 0));
      }
    }
    return all;
  }
}
