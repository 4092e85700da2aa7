package org.peltast.tensor.parallel;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether the group still works: the first failure, and who is told of it.
 *
 * <p>A failed group is to be closed. A process that has not done so after some time is stuck where
 * no exception reaches it, and is ended.
 */
final class Health {
  private static final Duration TO_LEAVE = Duration.ofSeconds(20);
  private static final Duration TO_LEARN = Duration.ofSeconds(3);

  private final List<Runnable> told = new ArrayList<>();
  private @Nullable String failure;
  private boolean closed;

  /** Runs something on a thread of its own once the group has failed. */
  synchronized void onFailure(Runnable then) {
    told.add(then);
    if (failure != null) {
      start(then);
    }
  }

  /** Notes a failure, unless there is one already or the group was closed. */
  synchronized void fail(String sentence) {
    if (failure != null || closed) {
      return;
    }
    failure = sentence;
    notifyAll();
    told.forEach(Health::start);
    start(this::endIfStuck);
  }

  private static void start(Runnable work) {
    Thread thread = new Thread(work, "peltast-failure");
    thread.setDaemon(true);
    thread.start();
  }

  private void endIfStuck() {
    String sentence;
    synchronized (this) {
      pause(TO_LEAVE, () -> closed);
      if (closed) {
        return;
      }
      sentence = String.valueOf(failure);
    }
    System.err.println("peltast: " + sentence + "; this process did not stop by itself.");
    Runtime.getRuntime().halt(1);
  }

  /** Throws the failure, if there is one. */
  synchronized void check() {
    if (failure != null) {
      throw ParallelException.failed(failure);
    }
    if (closed) {
      throw new IllegalStateException("this process has left the group");
    }
  }

  synchronized boolean isOver() {
    return failure != null || closed;
  }

  /**
   * The failure that explains what went wrong here, which may be heard of a little later; else what
   * was seen here becomes it.
   */
  ParallelException explain(String seen, @Nullable Throwable cause) {
    synchronized (this) {
      pause(TO_LEARN, () -> failure != null);
    }
    fail(seen);
    synchronized (this) {
      String sentence = failure == null ? seen : failure;
      return cause == null
          ? ParallelException.failed(sentence)
          : ParallelException.failed(sentence, cause);
    }
  }

  /** Waits, with the lock, until something holds or the time is over. */
  synchronized void pause(Duration most, java.util.function.BooleanSupplier until) {
    long end = System.nanoTime() + most.toNanos();
    while (!until.getAsBoolean()) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        return;
      }
      try {
        wait(left / 1_000_000 + 1);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while another rank was waited for", e);
      }
    }
  }

  /** Nothing that happens from now on is a failure. */
  synchronized void close() {
    closed = true;
    notifyAll();
  }
}
