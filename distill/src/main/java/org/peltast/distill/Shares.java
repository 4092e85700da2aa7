package org.peltast.distill;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Crew;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * An update's batch, dealt to the threads that work on it side by side: on a CPU each takes
 * consecutive parts from their captions to their gradients, and they meet when the gradients are
 * added up. A device of its own takes the whole batch.
 */
final class Shares implements AutoCloseable {
  /** Some items of a batch. */
  static final class Part implements AutoCloseable {
    private final Batch batch;
    private final double share;
    private final Scope scope = Scope.detached();
    private @Nullable Tensor images;

    private Part(Batch batch, double share) {
      this.batch = batch;
      this.share = share;
    }

    /** The items. */
    Batch batch() {
      return batch;
    }

    /** Of the whole batch: what a mean over the part is multiplied by in a mean over the batch. */
    double share() {
      return share;
    }

    /** Leaves images [n, C, H, W] for a later pass. */
    void leave(Tensor generated) {
      images = scope.keep(generated.detach());
    }

    /** The images that an earlier pass left. */
    Tensor left() {
      if (images == null) {
        throw new IllegalStateException("no earlier pass left images");
      }
      return images;
    }

    @Override
    public void close() {
      scope.close();
    }
  }

  private final List<List<Part>> seats = new ArrayList<>();

  /**
   * Deals a batch out.
   *
   * @param microBatches in how many parts each thread takes its share, one after another
   */
  Shares(Batch batch, int microBatches) {
    boolean side = batch.condition().features().device().kind() == Device.Kind.CPU;
    int threads = Math.min(side ? Crew.size() : 1, batch.size());
    for (Batch share : batch.parts(threads)) {
      seats.add(
          share.parts(microBatches).stream()
              .map(part -> new Part(part, (double) part.size() / batch.size()))
              .toList());
    }
  }

  /**
   * Does some work with every part, in a scope of its own.
   *
   * @param figures the sums of what is noted of the parts, in their order
   */
  void each(Figures figures, BiConsumer<Part, Figures> work) {
    List<List<Figures>> noted =
        Crew.map(seats, seat -> seat.stream().map(part -> noted(part, work)).toList());
    noted.forEach(seat -> seat.forEach(figures::addAll));
  }

  private static Figures noted(Part part, BiConsumer<Part, Figures> work) {
    Figures noted = new Figures();
    try (Scope scope = Scope.open()) {
      work.accept(part, noted);
    }
    return noted;
  }

  @Override
  public void close() {
    seats.forEach(seat -> seat.forEach(Part::close));
  }
}
