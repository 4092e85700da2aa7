package org.peltast.models.zimage.fused;

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
 * A batch's way through the blocks, and, where it is to be differentiated, back.
 *
 * <p>A thread's items go through one block after another, a few at a time: then the block's
 * weights, and what is made on the way, stay in the core's own cache, and the stream alone comes
 * and goes.
 */
final class Pass implements CustomGradient.Backward {
  /** Items that go through a block together: so many that their numbers stay in a core's cache. */
  private static final int ITEMS = 4;

  /** Where gradients follow all is kept, so nothing stays there, and weights' are added up less. */
  private static final int LEARNING_ITEMS = 12;

  private final List<FusedBlock> blocks;
  private final List<Modulation> modulations; // of each block
  private final List<WeightGradients> weights; // of each block; none where nothing is learnt
  private final int first; // block that the way back reaches: before it nothing is asked for
  private final boolean asksForX;
  private final boolean asksForTime;
  private final Shape shape; // of the whole batch
  private final Scope scope = Scope.detached();
  private final List<Modulation.Kept> factors = new ArrayList<>(); // of each block
  private final List<List<Part>> shares = new ArrayList<>(); // of each thread

  /**
   * A pass that has not begun.
   *
   * @param weights of each block, which gradients are asked for
   * @param asksForX whether the gradient by the stream at the beginning is asked for
   * @param time [B, M] float32, for modulated blocks
   * @param turns complex64 [S, 1, headDim / 2] or [B, S, 1, headDim / 2]
   * @param mask float32 [B, 1, 1, S] to add to the scores, or null
   */
  Pass(
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
        shares.add(parts(items, places));
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

  private List<Part> parts(Range items, Positions places) {
    int each = shape.learning() ? LEARNING_ITEMS : ITEMS;
    List<Part> parts = new ArrayList<>();
    for (Range r : Range.deal(items.count(), (items.count() + each - 1) / each)) {
      int from = items.from() + r.from();
      Shape s = shape.of(r.count(), shape.tokens(), shape.learning()).asking(shape.asked());
      List<Factors> own = factors.stream().map(f -> f.factors.from(from)).toList();
      parts.add(new Part(blocks, from, s, own, places.from(from)));
    }
    return parts;
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
      WorkerPool.each(shares, parts -> forward(parts, in, y));
      return s.release(y);
    }
  }

  private void forward(List<Part> parts, Tensor x, Tensor y) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off();
        Streams streams = new Streams(parts)) {
      for (int k = 0; k < parts.size(); k++) {
        parts.get(k).begin(x, streams.get(k));
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

  /**
   * The backward half, on the thread of the forward half; those by trainable weights are added to
   * them, and none by frozen ones are computed.
   *
   * @param dy [B, A, dim] float32
   * @return those by x and by the time, null where they are not asked for, and null for weights
   */
  @Override
  public List<@Nullable Tensor> gradients(Tensor dy) {
    List<Part> parts = shares.get(0);
    Tensor cotangent = dy.contiguous();
    Tensor dx = asksForX ? Tensor.zeros(shape.items(), shape.tokens(), shape.dim()) : null;
    Tensor time = factors.get(0).time();
    Tensor dTime = time != null && asksForTime ? Tensor.zeros(time.shape()) : null;
    try (Streams streams = new Streams(parts)) {
      for (int k = 0; k < parts.size(); k++) {
        parts.get(k).beginBack(cotangent, streams.get(k));
      }
      for (int i = blocks.size() - 1; i >= first; i--) {
        Modulation.Gradients df = modulations.get(i).gradients(shape.items());
        for (int k = 0; k < parts.size(); k++) {
          parts.get(k).backward(i, streams.get(k), df.factors, weights.get(i));
        }
        modulations.get(i).backward(factors.get(i), df, weights.get(i), dTime);
      }
      for (int k = 0; k < parts.size() && dx != null; k++) {
        parts.get(k).endBack(streams.get(k), dx);
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
    shares.forEach(parts -> parts.forEach(Part::close));
    scope.close();
  }

  /** The stream of each part, or its gradient, while it is on its way. */
  private static final class Streams implements AutoCloseable {
    private static final ThreadLocal<Memory<float[]>> MEMORY =
        Memory.ofThreads((s, space) -> space.array(s.rows() * s.dim()));

    private final List<Memory.Room<float[]>> rooms = new ArrayList<>();

    Streams(List<Part> parts) {
      parts.forEach(part -> rooms.add(MEMORY.get().take(part.shape())));
    }

    float[] get(int part) {
      return rooms.get(part).content();
    }

    @Override
    public void close() {
      rooms.forEach(Memory.Room::close);
    }
  }
}
