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
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.fused.Fused;

/**
 * Blocks one after another, forward and backward, as one function in the graph. The batch is dealt
 * out to as many threads as libtorch has, each with a contiguous share that it takes a few items at
 * a time through all blocks: threads meet only at the end, and a few items' numbers stay in the
 * cache from one kernel to the next.
 */
public final class FusedBlocks {
  /** Items a thread takes at a time. */
  private static final int ITEMS = 8;

  private final List<BlockWeights> weights;
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
   */
  public FusedBlocks(
      List<BlockWeights> weights,
      int dim,
      int heads,
      int hidden,
      double eps,
      double headEps,
      boolean modulated) {
    this.weights = List.copyOf(weights);
    this.blocks = weights.stream().map(FusedBlock::new).toList();
    this.shape = new Shape(1, 1, dim, heads, hidden, eps, headEps, modulated);
  }

  /** Why the kernels cannot compute such blocks here; null if they can. */
  public static @Nullable String obstacle(Device device, DType products, int dim, int headDim) {
    if (device.kind() != Device.Kind.CPU) {
      return "the kernels are for the CPU, the network is on " + device;
    }
    if (products != DType.FLOAT32) {
      return "the kernels are for float32, the network multiplies in " + products;
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
   * @return [B, S, dim] float32
   */
  public Tensor forward(Tensor x, List<Factors> factors, Tensor turns, @Nullable Tensor mask) {
    List<Tensor> inputs = new ArrayList<>();
    inputs.add(x);
    for (int i = 0; i < blocks.size(); i++) {
      inputs.addAll(factors.get(i).all());
      inputs.addAll(weights.get(i).values());
    }
    boolean keep = CustomGradient.wanted(inputs);
    Given given = new Given(x, factors, turns, mask);
    List<List<Part>> shares = deal(x.size(0), (int) x.size(1));
    Tensor y = Tensor.zeros(x.shape());
    Crew.each(shares, share -> share.forEach(part -> part.forward(given, y, keep)));
    return keep
        ? CustomGradient.record(
            y,
            inputs,
            new CustomGradient.Backward() {
              @Override
              public List<@Nullable Tensor> gradients(Tensor dy) {
                return backward(shares, dy);
              }

              @Override
              public void close() {
                shares.forEach(share -> share.forEach(Part::giveBack));
              }
            })
        : y;
  }

  private record Given(Tensor x, List<Factors> factors, Tensor turns, @Nullable Tensor mask) {}

  /** Contiguous shares, one a thread, cut into parts. */
  private List<List<Part>> deal(long batch, int tokens) {
    int threads = (int) Math.min(batch, Crew.size());
    List<List<Part>> shares = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < threads; i++) {
      int to = (int) (batch * (i + 1) / threads);
      List<Part> share = new ArrayList<>();
      while (from < to) {
        int n = Math.min(ITEMS, to - from);
        share.add(new Part(from, shape.of(n, tokens)));
        from += n;
      }
      shares.add(share);
    }
    return shares;
  }

  /** A few items on their way through the blocks. */
  private final class Part {
    private final int from;
    private final Shape s;
    private final List<Activations> kept = new ArrayList<>();
    private @Nullable Positions places;

    Part(int from, Shape s) {
      this.from = from;
      this.s = s;
    }

    void forward(Given given, Tensor y, boolean keep) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Positions positions = Memory.positions(s);
        positions.load(given.turns(), given.mask(), from);
        places = positions;
        Scratch scratch = Memory.scratch(s);
        Activations in = Memory.activations(s);
        in.x.items.copyFrom(given.x().narrow(0, from, s.items()));
        for (int i = 0; i < blocks.size(); i++) {
          boolean last = i == blocks.size() - 1;
          Activations next = keep && !last ? Memory.activations(s) : in;
          in.factors.load(given.factors().get(i), from);
          // The scratch's d is free until the backward half: the last answer may lie there.
          Rows answer = keep && last ? scratch.d : next.x;
          blocks.get(i).forward(s, in, positions, answer, scratch);
          if (last) {
            y.narrow(0, from, s.items()).copyFrom(answer.items);
          }
          if (keep) {
            kept.add(in);
          }
          in = next;
        }
        if (!keep) {
          Memory.giveBack(s, in);
          giveBack();
        }
        Memory.giveBack(s, scratch);
      }
    }

    /** The gradient by x in place of that by y; those of matrices are added up. */
    void backward(Tensor dy, Tensor dx, List<BlockWeights> matrices, List<List<Tensor>> factors) {
      Positions positions = places;
      if (positions == null) {
        throw new IllegalStateException("a backward half without its forward half");
      }
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off()) {
        Scratch scratch = Memory.scratch(s);
        scratch.d.items.copyFrom(dy.narrow(0, from, s.items()));
        for (int i = blocks.size() - 1; i >= 0; i--) {
          scratch.factors.zero();
          blocks.get(i).backward(s, kept.get(i), positions, matrices.get(i), scratch);
          List<Floats> own = scratch.factors.all();
          for (int k = 0; k < Factors.COUNT; k++) {
            Tensor g = own.get(k).tensor(); // [n, dim], or [1, headDim] in the first item's row
            factors.get(i).get(k).narrow(0, from, g.size(0)).copyFrom(g);
          }
        }
        dx.narrow(0, from, s.items()).copyFrom(scratch.d.items);
        Memory.giveBack(s, scratch);
      }
    }

    void giveBack() {
      kept.forEach(a -> Memory.giveBack(s, a));
      kept.clear();
      if (places != null) {
        Memory.giveBack(s, places);
        places = null;
      }
    }
  }

  /** In the order of the inputs. */
  private List<@Nullable Tensor> backward(List<List<Part>> shares, Tensor dy) {
    Tensor dx = Tensor.zeros(dy.shape());
    List<List<BlockWeights>> matrices = new ArrayList<>(); // of each share
    for (int i = 0; i < shares.size(); i++) {
      matrices.add(weights.stream().map(BlockWeights::zeros).toList());
    }
    List<List<Tensor>> factors = new ArrayList<>(); // of each block: [B, width], a row an item
    for (int i = 0; i < blocks.size(); i++) {
      List<Tensor> each = new ArrayList<>();
      for (int k = 0; k < Factors.COUNT; k++) {
        each.add(Tensor.zeros(dy.size(0), k < 4 ? shape.dim() : shape.headDim()));
      }
      factors.add(each);
    }
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < shares.size(); i++) {
      order.add(i);
    }
    Tensor cotangent = dy.contiguous();
    Crew.each(
        order,
        i -> {
          for (Part part : shares.get(i)) {
            part.backward(cotangent, dx, matrices.get(i), factors);
          }
        });
    List<@Nullable Tensor> all = new ArrayList<>();
    all.add(dx);
    for (int i = 0; i < blocks.size(); i++) {
      for (int k = 0; k < Factors.COUNT; k++) {
        Tensor rows = factors.get(i).get(k);
        all.add(k < 4 && shape.modulated() ? rows.unsqueeze(1) : rows.sum(false, 0));
      }
      for (int k = 0; k < BlockWeights.COUNT; k++) {
        Tensor sum = matrices.get(0).get(i).values().get(k);
        for (int lane = 1; lane < shares.size(); lane++) {
          sum = sum.add(matrices.get(lane).get(i).values().get(k));
        }
        all.add(sum);
      }
    }
    return all;
  }
}
