package org.peltast.distill;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Range;
import org.peltast.tensor.Scope;

/**
 * What makes the next update's batches while this one is computed. As a batch is a function of its
 * number, it is the same whenever it is made.
 */
final class BatchPrefetcher implements AutoCloseable {
  /** An update's batches and the scope that their tensors belong to. */
  record Ready(List<Batch> batches, Scope scope) implements AutoCloseable {
    @Override
    public void close() {
      scope.close();
    }
  }

  private final BatchSource source;
  private final List<Range> items;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread t = new Thread(() -> begin(work), "peltast-batches");
            t.setDaemon(true);
            return t;
          });
  private long number = -1; // whose batch is being made, or is ready
  private @Nullable Future<Ready> next;

  /**
   * Batches of a source.
   *
   * @param items for each of an update's draws, which items this process computes
   */
  BatchPrefetcher(BatchSource source, List<Range> items) {
    this.source = source;
    this.items = List.copyOf(items);
  }

  private static void begin(Runnable work) {
    Engine.threads(1); // the others are at work on the update before
    work.run();
  }

  /**
   * The batches of one update, to be closed after it; meanwhile the next ones are made.
   *
   * @param updates of the whole run, beyond which none is made
   */
  Ready take(long update, long updates) {
    Future<Ready> made = next;
    if (made == null || number != update) {
      drop();
      made = thread.submit(() -> make(update));
    }
    next = null;
    Ready ready = await(made);
    if (update + 1 < updates) {
      number = update + 1;
      next = thread.submit(() -> make(update + 1));
    }
    return ready;
  }

  private Ready make(long update) {
    Scope kept = Scope.detached();
    try (Scope scope = Scope.open();
        Autograd off = Autograd.off()) {
      List<Batch> batches = new ArrayList<>();
      for (int i = 0; i < items.size(); i++) {
        Batch batch = source.at(update * items.size() + i, items.get(i));
        batches.add(batch.keptBy(kept, scope));
      }
      return new Ready(batches, kept);
    } catch (RuntimeException | Error e) {
      kept.close();
      throw e;
    }
  }

  private static Ready await(Future<Ready> made) {
    try {
      return made.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (e.getCause() instanceof Error failure) {
        throw failure;
      }
      throw new IllegalStateException("a batch could not be made", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while a batch was made", e);
    }
  }

  /** Gives up the batch that nobody will ask for. */
  private void drop() {
    Future<Ready> unused = next;
    next = null;
    if (unused != null) {
      try {
        await(unused).close();
      } catch (RuntimeException e) {
        return; // it would have been told to whoever had asked for it
      }
    }
  }

  @Override
  public void close() {
    drop();
    thread.shutdown();
  }
}
