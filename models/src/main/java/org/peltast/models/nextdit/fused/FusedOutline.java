package org.peltast.models.nextdit.fused;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.models.nextdit.BlockStack;
import org.peltast.tensor.CustomGradient;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.Range;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;

/**
 * {@link FusedBlocks} on the meta device: nothing is computed, but gradients reach the same weights
 * and inputs, and as many bytes are kept for them, packed weights included.
 */
final class FusedOutline {
  private final List<BlockWeights> weights; // of each block
  private final Shape shape; // but for items and tokens

  FusedOutline(List<BlockWeights> weights, Shape shape) {
    this.weights = weights;
    this.shape = shape;
  }

  /** See {@link BlockStack.Run}. */
  Tensor forward(
      int from,
      int to,
      Tensor x,
      @Nullable Tensor time,
      Tensor turns,
      @Nullable Tensor mask,
      int asked) {
    List<Tensor> inputs = new ArrayList<>(List.of(x));
    if (time != null) {
      inputs.add(time);
    }
    List<BlockWeights> own = weights.subList(from, to);
    own.stream()
        .flatMap(BlockWeights::all)
        .filter(Parameter::isTrainable)
        .forEach(p -> inputs.add(p.value()));
    boolean learning = CustomGradient.wanted(inputs);
    int items = (int) x.size(0);
    int tokens = (int) x.size(1);
    List<Range> tiles = BlockStackFunction.tiled(items, learning);
    long bytes = 0;
    for (int i = from; i < to; i++) {
      for (Range tile : tiles) {
        Shape s = shape.of(tile.count(), tokens, learning);
        long slot = FusedBlock.Activations.bytes(i == to - 1 ? s.asking(asked) : s);
        bytes = learning ? bytes + slot : Math.max(bytes, slot);
      }
    }
    for (BlockWeights w : own) {
      for (Parameter p : w.matrices()) {
        if (Matrices.packs(shape.products(), (long) tiles.get(0).count() * tokens)) {
          p.outlinePacked(shape.products(), true);
          if (learning) {
            p.outlinePacked(shape.products(), false);
          }
        }
      }
    }
    long kept = bytes / Float.BYTES + 1;
    return Scope.compute(
        () -> {
          Tensor activations = Tensor.zeros(DType.FLOAT32, Device.META, kept);
          // A product keeps its factor, and the factor all of the activations that it is one of.
          Tensor y = x.narrow(1, 0, asked).mul(activations.narrow(0, 0, 1));
          for (Tensor input : inputs.subList(1, inputs.size())) {
            y = y.add(input.sum());
          }
          return y;
        });
  }
}
