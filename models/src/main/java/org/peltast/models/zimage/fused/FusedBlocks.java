package org.peltast.models.zimage.fused;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Crew;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Range;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.fused.Fused;

/**
 * Blocks one after another, forward and backward, as one function in the graph. Without gradients a
 * batch is dealt to a {@link Crew}, whose threads meet only at the end. What is to be
 * differentiated stays on the caller's thread: whoever trains deals a batch to a crew before it
 * comes here, and the weights' gradients are those of the crew's seats.
 */
public final class FusedBlocks {
  /** Items that go through a block together: so many that their numbers stay in a core's cache. */
  private static final int ITEMS = 4;

  /** Where gradients follow all is kept, so nothing stays there, and weights' are added up less. */
  private static final int LEARNING_ITEMS = 12;

  private final List<FusedBlock> blocks;
  private final Shape shape; // but for items and tokens
  private final boolean modulated;

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
    this.shape = new Shape(1, 1, 1, dim, heads, hidden, eps, headEps, products, false);
    this.modulated = modulated;
  }

  /** Why the kernels cannot compute such blocks here; null if they can. */
  public static @Nullable String obstacle(Device device, DType products, int dim, int headDim) {
    if (device.kind() != Device.Kind.CPU) {
      return "the kernels are for the CPU, the network is on " + device;
    }
    if (products != DType.FLOAT32 && products != DType.BFLOAT16) {
      return "the kernels are for float32 and bfloat16, the network multiplies in " + products;
    }
    String here = Fused.obstacle() != null ? Fused.obstacle() : Matrices.obstacle(products);
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
    List<Tensor> inputs = new ArrayList<>();
    inputs.add(x);
    factors.forEach(f -> inputs.addAll(f.all()));
    boolean learning = CustomGradient.wanted(inputs);
    Tensor y;
    List<Share> shares;
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      int batch = (int) x.size(0);
      Shape whole = shape.of(batch, (int) x.size(1), learning);
      Positions places = Positions.of(turns, mask, whole.tokens(), whole.headDim());
      List<Factors.Arrays> arrays = factors.stream().map(this::arrays).toList();
      shares =
          Range.deal(batch, learning ? 1 : Crew.size()).stream()
              .map(r -> new Share(r, whole, asked, arrays, places))
              .toList();
      Tensor in = x.contiguous();
      y = scope.release(Tensor.zeros(batch, asked, shape.dim()));
      Crew.each(shares, share -> share.forward(in, y));
    }
    return learning ? CustomGradient.record(y, inputs, new Backward(shares.get(0), x.shape())) : y;
  }

  private Factors.Arrays arrays(Factors f) {
    return Factors.Arrays.of(
        f.all().stream().map(Tensor::toFloats).toList(), modulated, shape.dim());
  }

  /**
   * A thread's items. They go through one block after another, a few at a time: then the block's
   * weights, and what is made on the way, stay in the core's own cache, and the stream alone comes
   * and goes.
   */
  private final class Share {
    private final List<Part> parts;

    Share(Range items, Shape whole, int asked, List<Factors.Arrays> factors, Positions places) {
      int each = whole.learning() ? LEARNING_ITEMS : ITEMS;
      parts =
          Range.deal(items.count(), (items.count() + each - 1) / each).stream()
              .map(
                  r -> {
                    int from = items.from() + r.from();
                    return new Part(
                        from,
                        whole.of(r.count(), whole.tokens(), whole.learning()),
                        asked,
                        factors.stream().map(f -> f.from(from)).toList(),
                        places.from(from));
                  })
              .toList();
    }

    void forward(Tensor x, Tensor y) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off();
          Streams streams = new Streams()) {
        for (Part part : parts) {
          part.begin(x, streams.add(part.first));
        }
        for (int i = 0; i < blocks.size(); i++) {
          for (int k = 0; k < parts.size(); k++) {
            parts.get(k).forward(i, streams.get(k));
          }
        }
        for (int k = 0; k < parts.size(); k++) {
          parts.get(k).end(streams.get(k), y);
        }
      }
    }

    /** Writes the gradient by x; those by factors and matrices are added to them. */
    void backward(Tensor dy, Tensor dx, List<Factors.Arrays> gradients) {
      try (Scope scope = Scope.open();
          Autograd off = Autograd.off();
          Streams streams = new Streams()) {
        for (Part part : parts) {
          part.beginBack(dy, streams.add(part.first));
        }
        for (int i = blocks.size() - 1; i >= 0; i--) {
          for (int k = 0; k < parts.size(); k++) {
            parts.get(k).backward(i, streams.get(k), gradients.get(i));
          }
        }
        for (int k = 0; k < parts.size(); k++) {
          parts.get(k).endBack(streams.get(k), dx);
        }
      }
    }

    void giveBack() {
      parts.forEach(Part::giveBack);
    }
  }

  /** The stream of each part, or its gradient, while it is on its way. */
  private static final class Streams implements AutoCloseable {
    private final List<Memory.Room<float[]>> rooms = new ArrayList<>();

    float[] add(Shape s) {
      rooms.add(Memory.stream(s));
      return get(rooms.size() - 1);
    }

    float[] get(int part) {
      return rooms.get(part).content();
    }

    @Override
    public void close() {
      rooms.forEach(Memory.Room::close);
    }
  }

  /** A few items on their way through the blocks. */
  private final class Part {
    private final int from;
    private final Shape first;
    private final Shape last;
    private final List<Factors.Arrays> factors; // of each block
    private final Positions places;
    private final List<Memory.Room<FusedBlock.Activations>> kept = new ArrayList<>();

    Part(int from, Shape s, int asked, List<Factors.Arrays> factors, Positions places) {
      this.from = from;
      this.first = s;
      this.last = s.asking(asked);
      this.factors = factors;
      this.places = places;
    }

    /** Of all blocks, the last one alone may be asked for fewer rows. */
    private Shape shape(int block) {
      return block < blocks.size() - 1 ? first : last;
    }

    /** Copies the stream at the blocks' beginning. */
    void begin(Tensor x, float[] stream) {
      x.narrow(0, from, first.items()).get(stream, 0);
    }

    void forward(int block, float[] x) {
      Memory.Room<FusedBlock.Activations> in = Memory.activations(shape(block));
      kept.add(in);
      blocks.get(block).forward(in.content(), x, factors.get(block), places);
      if (!first.learning()) {
        giveBack();
      }
    }

    void end(float[] stream, Tensor y) {
      for (int item = 0; item < first.items(); item++) {
        y.narrow(0, from + item, 1).put(stream, place(item));
      }
    }

    /** Copies the gradient by the stream at the blocks' end. */
    void beginBack(Tensor dy, float[] stream) {
      Arrays.fill(stream, 0);
      for (int item = 0; item < first.items(); item++) {
        dy.narrow(0, from + item, 1).get(stream, place(item));
      }
    }

    void backward(int block, float[] d, Factors.Arrays gradients) {
      try (Memory.Room<FusedBlock.Scratch> scratch = Memory.scratch(shape(block))) {
        FusedBlock.Activations in = kept.get(block).content();
        Factors.Arrays df = gradients.from(from);
        blocks.get(block).backward(in, d, factors.get(block), df, places, scratch.content());
      }
    }

    void endBack(float[] stream, Tensor dx) {
      dx.narrow(0, from, first.items()).put(stream, 0);
    }

    /** Where an item begins in the stream. */
    private int place(int item) {
      return item * first.tokens() * first.dim();
    }

    void giveBack() {
      kept.forEach(Memory.Room::close);
      kept.clear();
    }
  }

  /** The backward half, for the graph. */
  private final class Backward implements CustomGradient.Backward {
    private final Share share;
    private final long[] shapeOfX;

    Backward(Share share, long[] shapeOfX) {
      this.share = share;
      this.shapeOfX = shapeOfX;
    }

    @Override
    public List<@Nullable Tensor> gradients(Tensor dy) {
      int items = (int) shapeOfX[0];
      Tensor dx = Tensor.zeros(shapeOfX);
      List<List<float[]>> numbers = new ArrayList<>(); // of each block, in the order of its factors
      for (int i = 0; i < blocks.size(); i++) {
        List<float[]> six = new ArrayList<>();
        for (int k = 0; k < Factors.COUNT; k++) {
          six.add(new float[k < 4 ? (modulated ? items : 1) * shape.dim() : shape.headDim()]);
        }
        numbers.add(six);
      }
      List<Factors.Arrays> gradients =
          numbers.stream().map(six -> Factors.Arrays.of(six, modulated, shape.dim())).toList();
      Tensor cotangent = dy.contiguous();
      share.backward(cotangent, dx, gradients);
      List<@Nullable Tensor> all = new ArrayList<>();
      all.add(dx);
      for (List<float[]> six : numbers) {
        for (int k = 0; k < Factors.COUNT; k++) {
          float[] g = six.get(k);
          all.add(
              k < 4 && modulated ? Tensor.of(g, items, 1, shape.dim()) : Tensor.of(g, g.length));
        }
      }
      return all;
    }

    @Override
    public void close() {
      share.giveBack();
    }
  }
}
