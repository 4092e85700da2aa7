package org.peltast.distill;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A thread that writes what an update left to be written while the next one is computed: all in the
 * order in which it was given, and nothing more once something has failed.
 */
final class BackgroundWriter implements AutoCloseable {
  private final ExecutorService thread;
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private @Nullable Future<?> last;

  /** A thread of that name. */
  BackgroundWriter(String name) {
    thread =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread t = new Thread(work, name);
              t.setDaemon(true);
              return t;
            });
  }

  /** Does some work after what was given before. */
  void add(Runnable work) {
    last =
        thread.submit(
            () -> {
              if (failure.get() == null) {
                try {
                  work.run();
                } catch (RuntimeException | Error e) {
                  failure.compareAndSet(null, e);
                }
              }
            });
  }

  /** Waits until all is done; throws what failed, each time that it is asked. */
  void await() {
    settle();
    Throwable failed = failure.get();
    if (failed instanceof Error error) {
      throw error;
    }
    if (failed != null) {
      throw (RuntimeException) failed;
    }
  }

  /** Waits until all is done, also if the waiting thread is interrupted: half a file is none. */
  private void settle() {
    Future<?> awaited = last;
    boolean interrupted = false;
    while (awaited != null) {
      try {
        awaited.get();
        awaited = null;
      } catch (InterruptedException e) {
        interrupted = true;
      } catch (ExecutionException e) {
        throw new IllegalStateException("work beside the updates cannot fail by itself", e);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits until all is done. */
  @Override
  public void close() {
    settle();
    thread.shutdown();
  }
}
