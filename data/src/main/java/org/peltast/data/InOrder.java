package org.peltast.data;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Work on all cores whose results are taken in order, without holding more than a few of them. */
final class InOrder {
  private InOrder() {}

  /** Makes one result; called from several threads. */
  @FunctionalInterface
  interface Work<T> {
    T make(int index) throws IOException;
  }

  /** Takes one result; called from one thread, in order. */
  @FunctionalInterface
  interface Taker<T> {
    void take(int index, T result) throws IOException;
  }

  /**
   * Makes the results 0 to count − 1 and takes each in turn.
   *
   * @param what is being done, for the message if it is interrupted
   */
  static <T> void run(String what, int count, Work<T> work, Taker<T> taker) throws IOException {
    int threads = Math.max(1, Runtime.getRuntime().availableProcessors());
    ExecutorService pool =
        Executors.newFixedThreadPool(
            threads,
            task -> {
              Thread thread = new Thread(task, "peltast-pictures");
              thread.setDaemon(true);
              return thread;
            });
    try {
      Deque<Future<T>> ahead = new ArrayDeque<>();
      int started = 0;
      for (int i = 0; i < count; i++) {
        while (started < count && ahead.size() < 8 * threads) {
          int index = started++;
          ahead.add(pool.submit(() -> work.make(index)));
        }
        taker.take(i, ahead.remove().get());
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      if (e.getCause() instanceof RuntimeException runtime) {
        throw runtime;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException(
          String.format(Locale.ROOT, "The work was interrupted while %s; start it again.", what),
          e);
    } finally {
      pool.shutdownNow();
    }
  }
}
