package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Threads that each work through a share of their own, with libtorch's operations on one thread
 * inside. Where operations are short this beats operations on many threads: nothing waits for
 * another until the end, so a busy machine slows it in proportion only.
 *
 * <p>Each share has a worker, counted from 0: a {@link org.peltast.tensor.nn.Parameter Parameter}
 * keeps a gradient for each of them, so shares of a batch can be differentiated side by side.
 */
public final class WorkerPool {
  private static final AtomicInteger COUNT = new AtomicInteger();
  private static final ThreadLocal<Integer> WORKER = new ThreadLocal<>(); // null outside a pool
  private static @Nullable ExecutorService threads;
  private static int size;

  private WorkerPool() {}

  /** How many shares run side by side: libtorch's number of threads, or 1 inside a share. */
  public static int size() {
    return WORKER.get() == null ? Engine.threads() : 1;
  }

  /** The number of the worker that this thread is, from 0; 0 outside a pool. */
  public static int worker() {
    Integer worker = WORKER.get();
    return worker == null ? 0 : worker;
  }

  /**
   * Hands shares to threads and waits for all; the first failure is thrown once all are done.
   * Whether gradients are recorded is as with the caller. A single share is worked by the caller,
   * and so are all shares of one who runs in a pool already, as the worker that he has.
   */
  public static <T> void each(List<T> shares, Consumer<T> work) {
    map(
        shares,
        share -> {
          work.accept(share);
          return true;
        });
  }

  /** Like {@link #each}, with what comes of every share, in their order. */
  public static <T, R> List<R> map(List<T> shares, Function<T, R> work) {
    return shares.size() <= 1 || WORKER.get() != null
        ? shares.stream().map(work).toList()
        : dealtOut(shares, work);
  }

  private static <T, R> List<R> dealtOut(List<T> shares, Function<T, R> work) {
    int threads = size();
    ExecutorService pool = pool(threads);
    List<Future<R>> running = new ArrayList<>();
    boolean recording = Autograd.isOn();
    // OpenBLAS has one number of threads for the process, and lets one product at a time use them.
    Blas.threads(1);
    try {
      for (int i = 0; i < shares.size(); i++) {
        int worker = i;
        running.add(
            pool.submit(() -> runAs(worker, recording, () -> work.apply(shares.get(worker)))));
      }
      return await(running);
    } finally {
      Blas.threads(threads);
    }
  }

  /**
   * A tensor whose rows do not depend on each other, computed side by side on a CPU; on another
   * device at once.
   *
   * @param count of all rows, at least 1
   * @param work from some of the rows to [range.count, …]
   * @return [count, …], in the caller's scope
   * @throws TensorException if there are no rows to compute
   */
  public static Tensor rows(int count, Device device, Function<Range, Tensor> work) {
    List<Range> ranges = Range.deal(count, device.kind() == Device.Kind.CPU ? size() : 1);
    if (ranges.size() == 1) {
      return Scope.compute(() -> work.apply(ranges.get(0)));
    }
    try (Scope kept = Scope.detached()) {
      return Tensor.cat(map(ranges, range -> computed(() -> work.apply(range), kept)), 0);
    }
  }

  /**
   * A tensor whose rows are each computed by themselves on a CPU, so that the bits of one do not
   * depend on how many there are: products of other sizes, and of other numbers of threads, round
   * differently.
   *
   * @param count of all rows, at least 1
   * @param threaded whether operations use all threads, one row after another; otherwise rows are
   *     computed side by side on one thread each, also where there is only one
   * @param work from one of the rows to [1, …]
   * @return [count, …], in the caller's scope
   * @throws TensorException if there are no rows to compute
   */
  public static Tensor rowByRow(int count, boolean threaded, Function<Range, Tensor> work) {
    boolean here = threaded || WORKER.get() != null;
    List<Range> shares = Range.deal(count, here ? 1 : size());
    try (Scope kept = Scope.detached()) {
      Function<Range, List<Tensor>> oneByOne =
          share -> {
            List<Tensor> own = new ArrayList<>();
            for (int i = 0; i < share.count(); i++) {
              Range row = new Range(share.from() + i, 1);
              own.add(computed(() -> work.apply(row), kept));
            }
            return own;
          };
      List<List<Tensor>> rows =
          here ? shares.stream().map(oneByOne).toList() : dealtOut(shares, oneByOne);
      return Tensor.cat(rows.stream().flatMap(List::stream).toList(), 0);
    }
  }

  private static Tensor computed(Supplier<Tensor> work, Scope kept) {
    try (Scope scope = Scope.open()) {
      Tensor rows = work.get();
      synchronized (kept) {
        return kept.keep(rows);
      }
    }
  }

  private static <R> R runAs(int worker, boolean recording, Supplier<R> work) {
    WORKER.set(worker);
    try (Autograd mode = recording ? Autograd.on() : Autograd.off()) {
      return work.get();
    } finally {
      WORKER.remove();
    }
  }

  private static <R> List<R> await(List<Future<R>> running) {
    List<R> results = new ArrayList<>();
    RuntimeException failure = null;
    for (Future<R> f : running) {
      try {
        results.add(f.get());
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
    return results;
  }

  private static synchronized ExecutorService pool(int wanted) {
    ExecutorService known = threads;
    if (known == null || size != wanted) {
      if (known != null) {
        known.shutdown();
      }
      known = Executors.newFixedThreadPool(wanted, WorkerPool::thread);
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
            "peltast-worker-" + COUNT.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }
}
