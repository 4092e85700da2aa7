package org.peltast.models.nextdit.fused;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.Range;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.WorkerPool;

/**
 * The stack of blocks as one function of a batch, forward and, where it is to be differentiated,
 * backward.
 *
 * <p>A thread's items go through one block after another, a tile of a few at a time: then the
 * block's weights, and what is made on the way, stay in the core's own cache, and the stream alone
 * comes and goes.
 */
final class BlockStackFunction implements CustomGradient.Backward {
  /** Items that go through a block together: so many that their numbers stay in a core's cache. */
  private static final int ITEMS = 4;

  /** Where gradients follow all is kept, so nothing stays there, and weights' are added up less. */
  private static final int LEARNING_ITEMS = 12;

  private final List<FusedBlock> blocks;
  private final List<Modulation> modulations; // of each block
  private final List<WeightGradients> weights; // of each block; none where nothing is learnt
  private final int first; // block that the backward pass reaches: before it nothing is asked for
  private final boolean asksForX;
  private final boolean asksForTime;
  private final Shape shape; // of the whole batch
  private final Scope scope = Scope.detached();
  private final List<Modulation.Kept> factors = new ArrayList<>(); // of each block
  private final List<List<Tile>> shares = new ArrayList<>(); // of each thread

  /**
   * A function that has not been evaluated.
   *
   * @param weights of each block, which gradients are asked for
   * @param asksForX whether the gradient by the stream at the beginning is asked for
   * @param time [B, M] float32, for modulated blocks
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] to add to the scores, or null
   */
  BlockStackFunction(
      List<FusedBlock> blocks,
      List<Modulation> modulations,
      List<WeightGradients> weights,
      Shape shape,
      boolean asksForX,
      @Nullable Tensor time,
      Tensor turns,
      @Nullable Tensor mask) {
    this.blocks = blocks;
    this.modulations = modulations;
    this.weights = weights;
    this.shape = shape;
    this.asksForX = asksForX;
    this.asksForTime = time != null && time.requiresGrad();
    this.first = asksForX || asksForTime ? 0 : firstThatLearns(weights);
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor kept = time == null ? null : scope.keep(time.detach().contiguous());
      modulations.forEach(m -> factors.add(m.forward(kept)));
      Positions places = Positions.of(turns, mask, shape.tokens(), shape.headDim());
      for (Range items : Range.deal(shape.items(), shape.learning() ? 1 : WorkerPool.size())) {
        shares.add(tiles(items, places));
      }
    }
  }

  private static int firstThatLearns(List<WeightGradients> weights) {
    int first = 0;
    while (first < weights.size() && weights.get(first).any().isEmpty()) {
      first++;
    }
    return first;
  }

  /** A thread's items in tiles. */
  static List<Range> tiled(int items, boolean learning) {
    int each = learning ? LEARNING_ITEMS : ITEMS;
    return Range.deal(items, (items + each - 1) / each);
  }

  private List<Tile> tiles(Range items, Positions places) {
    List<Tile> tiles = new ArrayList<>();
    for (Range r : tiled(items.count(), shape.learning())) {
      int from = items.from() + r.from();
      Shape s = shape.of(r.count(), shape.tokens(), shape.learning()).asking(shape.asked());
      List<Factors> own = factors.stream().map(f -> f.factors.from(from)).toList();
      tiles.add(new Tile(blocks, from, s, own, places.from(from)));
    }
    return tiles;
  }

  /**
   * The forward half.
   *
   * @param x [B, S, dim] float32
   * @return [B, A, dim] float32, no part of a graph
   */
  Tensor forward(Tensor x) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      Tensor in = x.contiguous();
      Tensor y = Tensor.zeros(shape.items(), shape.asked(), shape.dim());
      WorkerPool.each(shares, tiles -> forward(tiles, in, y));
      return s.release(y);
    }
  }

  private void forward(List<Tile> tiles, Tensor x, Tensor y) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off();
        Streams streams = new Streams(tiles)) {
      for (int k = 0; k < tiles.size(); k++) {
        tiles.get(k).begin(x, streams.get(k));
      }
      for (int i = 0; i < blocks.size(); i++) {
        for (int k = 0; k < tiles.size(); k++) {
          tiles.get(k).forward(i, streams.get(k));
        }
      }
      for (int k = 0; k < tiles.size(); k++) {
        tiles.get(k).end(streams.get(k), y);
      }
    }
  }

  /**
   * The backward half, on the thread of the forward half; those by trainable weights are added to
   * them, and none by frozen ones are computed.
   *
   * @param dy [B, A, dim] float32
   * @return those by x and by the time, null where they are not asked for, and null for weights
   */
  @Override
  public List<@Nullable Tensor> gradients(Tensor dy) {
    List<Tile> tiles = shares.get(0);
    Tensor cotangent = dy.contiguous();
    Tensor dx = asksForX ? Tensor.zeros(shape.items(), shape.tokens(), shape.dim()) : null;
    Tensor time = factors.get(0).time();
    Tensor dTime = time != null && asksForTime ? Tensor.zeros(time.shape()) : null;
    try (Streams streams = new Streams(tiles)) {
      for (int k = 0; k < tiles.size(); k++) {
        tiles.get(k).beginBack(cotangent, streams.get(k));
      }
      for (int i = blocks.size() - 1; i >= first; i--) {
        Modulation.Gradients df =
            modulations.get(i).gradients(shape.items(), weights.get(i), dTime != null);
        for (int k = 0; k < tiles.size(); k++) {
          tiles.get(k).backward(i, streams.get(k), df.factors, weights.get(i));
        }
        modulations.get(i).backward(factors.get(i), df, weights.get(i), dTime);
      }
      for (int k = 0; k < tiles.size() && dx != null; k++) {
        tiles.get(k).endBack(streams.get(k), dx);
      }
    }
    List<@Nullable Tensor> all = new ArrayList<>();
    all.add(dx);
    if (time != null) {
      all.add(dTime);
    }
    if (weights.stream().anyMatch(w -> !w.any().isEmpty())) {
      all.add(null); // for the weight that stands for all
    }
    return all;
  }

  @Override
  public void close() {
    shares.forEach(tiles -> tiles.forEach(Tile::close));
    scope.close();
  }

  /** The stream of each tile, or its gradient, while it is computed. */
  private static final class Streams implements AutoCloseable {
    private static final ThreadLocal<Workspace<float[]>> MEMORY =
        Workspace.ofThreads((s, space) -> space.array(s.rows() * s.dim()));

    private final List<Workspace.Slot<float[]>> slots = new ArrayList<>();

    Streams(List<Tile> tiles) {
      tiles.forEach(tile -> slots.add(MEMORY.get().take(tile.shape())));
    }

    float[] get(int tile) {
      return slots.get(tile).content();
    }

    @Override
    public void close() {
      slots.forEach(Workspace.Slot::close);
    }
  }
}
