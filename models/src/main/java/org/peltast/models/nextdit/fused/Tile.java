package org.peltast.models.nextdit.fused;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.peltast.tensor.Tensor;

/** A tile of a batch: a few items that go through the blocks together, on one thread. */
final class Tile implements AutoCloseable {
  private final List<FusedBlock> blocks;
  private final int from; // the number of the first item in the batch
  private final Shape whole; // answering for all tokens
  private final Shape last; // of the last block
  private final List<Factors> factors; // of each block
  private final Positions places;
  private final List<Workspace.Slot<FusedBlock.Activations>> kept = new ArrayList<>();

  Tile(List<FusedBlock> blocks, int from, Shape shape, List<Factors> factors, Positions places) {
    this.blocks = blocks;
    this.from = from;
    this.whole = shape.asking(shape.tokens());
    this.last = shape;
    this.factors = factors;
    this.places = places;
  }

  Shape shape() {
    return whole;
  }

  /** Of all blocks, the last one alone may be asked for fewer rows. */
  private Shape shape(int block) {
    return block < blocks.size() - 1 ? whole : last;
  }

  /** Copies the stream at the blocks' beginning. */
  void begin(Tensor x, float[] stream) {
    x.narrow(0, from, whole.items()).get(stream, 0);
  }

  void forward(int block, float[] x) {
    Workspace.Slot<FusedBlock.Activations> in = FusedBlock.Activations.take(shape(block));
    kept.add(in);
    try (Workspace.Slot<FusedBlock.Scratch> scratch = FusedBlock.Scratch.take(shape(block))) {
      blocks.get(block).forward(in.content(), x, factors.get(block), places, scratch.content());
    }
    if (!whole.learning()) {
      close();
    }
  }

  void end(float[] stream, Tensor y) {
    for (int item = 0; item < whole.items(); item++) {
      y.narrow(0, from + item, 1).put(stream, place(item));
    }
  }

  /** Copies the gradient by the stream at the blocks' end. */
  void beginBack(Tensor dy, float[] stream) {
    Arrays.fill(stream, 0);
    for (int item = 0; item < whole.items(); item++) {
      dy.narrow(0, from + item, 1).get(stream, place(item));
    }
  }

  /**
   * Goes back through a block.
   *
   * @param df the gradients by the factors of all items, to which these items' are added, or {@link
   *     Factors#NONE}
   * @param g adds to the gradients of the block's weights
   */
  void backward(int block, float[] d, Factors df, WeightGradients g) {
    try (Workspace.Slot<FusedBlock.Scratch> scratch = FusedBlock.Scratch.take(shape(block))) {
      FusedBlock.Activations in = kept.get(block).content();
      blocks
          .get(block)
          .backward(in, d, factors.get(block), df.from(from), places, g, scratch.content());
    }
  }

  void endBack(float[] stream, Tensor dx) {
    dx.narrow(0, from, whole.items()).put(stream, 0);
  }

  /** Where an item begins in the stream. */
  private int place(int item) {
    return item * whole.tokens() * whole.dim();
  }

  /** Leaves what was kept. */
  @Override
  public void close() {
    kept.forEach(Workspace.Slot::close);
    kept.clear();
  }
}
