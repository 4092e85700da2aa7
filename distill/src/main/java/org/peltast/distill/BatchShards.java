package org.peltast.distill;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.peltast.tensor.Device;
import org.peltast.tensor.Scope;
import org.peltast.tensor.WorkerPool;

/**
 * A batch split over the threads that work on it side by side, and there into micro-batches. On a
 * CPU each thread takes consecutive micro-batches from their captions to their gradients, and all
 * meet when the gradients are added up; a device of its own takes the whole batch.
 */
final class BatchShards implements AutoCloseable {
  private final List<List<MicroBatch>> workers = new ArrayList<>();

  /**
   * Splits a batch.
   *
   * @param microBatches in how many parts each thread takes its share, one after another
   * @param ofAll items of the whole batch over all processes
   */
  BatchShards(Batch batch, int microBatches, int ofAll) {
    boolean threaded = batch.condition().features().device().kind() == Device.Kind.CPU;
    int threads = Math.min(threaded ? WorkerPool.size() : 1, batch.size());
    for (Batch share : batch.parts(threads)) {
      workers.add(
          share.parts(microBatches).stream()
              .map(part -> new MicroBatch(part, (double) part.size() / ofAll))
              .toList());
    }
  }

  private BatchShards(MicroBatch only) {
    workers.add(List.of(only));
  }

  /**
   * The whole batch as one micro-batch, for losses that compare items with each other.
   *
   * @param processes how many compute it, each all of it: their gradients are added up
   */
  static BatchShards whole(Batch batch, int processes) {
    return new BatchShards(new MicroBatch(batch, 1.0 / processes));
  }

  /**
   * Does some work with every micro-batch, in a scope of its own.
   *
   * @param metrics the sums of what is noted of the micro-batches, in their order
   */
  void each(Metrics metrics, BiConsumer<MicroBatch, Metrics> work) {
    List<List<Metrics>> noted =
        WorkerPool.map(workers, worker -> worker.stream().map(part -> noted(part, work)).toList());
    noted.forEach(worker -> worker.forEach(metrics::addAll));
  }

  private static Metrics noted(MicroBatch part, BiConsumer<MicroBatch, Metrics> work) {
    Metrics noted = Metrics.ofShare(part.share());
    try (Scope scope = Scope.open()) {
      work.accept(part, noted);
    }
    return noted;
  }

  @Override
  public void close() {
    workers.forEach(worker -> worker.forEach(MicroBatch::close));
  }
}
