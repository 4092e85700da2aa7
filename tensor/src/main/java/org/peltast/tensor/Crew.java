package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.jspecify.annotations.Nullable;

/**
 * Threads that each work through a share of their own, with libtorch's operations on one thread
 * inside. Where operations are short this beats operations on many threads: nothing waits for
 * another until the end, so a busy machine slows it in proportion only.
 */
public final class Crew {
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static @Nullable ExecutorService threads;
  private static int size;

  private Crew() {}

  /** How many shares run side by side: libtorch's number of threads. */
  public static int size() {
    return Engine.threads();
  }

  /**
   * Hands each share to a thread and waits for all; the first failure is thrown once all are done.
   * A single share is worked by the caller.
   */
  public static <T> void each(List<T> shares, Consumer<T> work) {
    if (shares.size() == 1) {
      work.accept(shares.get(0));
      return;
    }
    int threads = size();
    ExecutorService crew = crew(threads);
    List<Future<?>> running = new ArrayList<>();
    // OpenBLAS has one number of threads for the process, and lets one product at a time use them.
    openblas_nolapack.blas_set_num_threads(1);
    try {
      for (T share : shares) {
        running.add(crew.submit(() -> work.accept(share)));
      }
      await(running);
    } finally {
      openblas_nolapack.blas_set_num_threads(threads);
    }
  }

  private static void await(List<Future<?>> running) {
    RuntimeException failure = null;
    for (Future<?> f : running) {
      try {
        f.get();
      } catch (ExecutionException e) {
        failure =
            failure != null
                ? failure
                : e.getCause() instanceof RuntimeException r
                    ? r
                    : new IllegalStateException("a share failed", e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        failure = new IllegalStateException("interrupted while shares were computed", e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static synchronized ExecutorService crew(int wanted) {
    ExecutorService known = threads;
    if (known == null || size != wanted) {
      if (known != null) {
        known.shutdown();
      }
      known = Executors.newFixedThreadPool(wanted, Crew::thread);
      threads = known;
      size = wanted;
    }
    return known;
  }

  private static Thread thread(Runnable work) {
    Thread thread =
        new Thread(
            () -> {
              Engine.threads(1);
              work.run();
            },
            "peltast-crew-" + COUNT.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }
}
