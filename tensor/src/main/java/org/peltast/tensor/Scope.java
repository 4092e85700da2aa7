package org.peltast.tensor;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Owns native memory. Every tensor belongs to the innermost scope that was open on its thread when
 * it was made, and dies with that scope; the garbage collector has no part in it.
 *
 * <pre>{@code
 * try (Scope scope = Scope.open()) {
 *   Tensor loss = network.forward(x).sub(target).square().mean();
 *   loss.backward();
 * } // everything that the forward pass made is freed here
 * }</pre>
 *
 * <p>A result leaves its scope by {@link #release} (to the scope outside) or {@link #keep} (to any
 * scope). What lives as long as a network or an optimiser belongs to a {@linkplain #detached
 * detached} scope, which is on no thread's stack and is closed by its owner.
 *
 * <p>A scope may be used only by the thread that opened it; a detached one by one thread at a time.
 */
public final class Scope implements AutoCloseable {
  private static final ThreadLocal<Deque<Scope>> STACK = ThreadLocal.withInitial(ArrayDeque::new);

  private final @Nullable Thread thread;
  private final List<Tensor> owned = new ArrayList<>();
  private boolean closed;

  private Scope(@Nullable Thread thread) {
    this.thread = thread;
  }

  /** Opens a scope inside this thread's innermost one. */
  public static Scope open() {
    Scope scope = new Scope(Thread.currentThread());
    STACK.get().push(scope);
    return scope;
  }

  /** A scope that no tensor enters by itself: only {@link #keep} fills it. */
  public static Scope detached() {
    return new Scope(null);
  }

  /** Runs {@code body} in a scope of its own and hands its result to the scope outside. */
  public static Tensor compute(Supplier<Tensor> body) {
    try (Scope scope = open()) {
      return scope.release(body.get());
    }
  }

  /** Runs {@code body} in a scope of its own. */
  public static void run(Runnable body) {
    try (Scope scope = open()) {
      body.run();
    }
  }

  /**
   * Hands a tensor to the scope just outside this one, so that it outlives this scope.
   *
   * @throws IllegalStateException if there is no scope outside
   */
  public Tensor release(Tensor tensor) {
    Scope outer = null;
    boolean found = false;
    for (Scope s : STACK.get()) { // from the innermost outwards
      if (found) {
        outer = s;
        break;
      }
      found = s == this;
    }
    if (outer == null) {
      throw new IllegalStateException("no scope is open around this one to take the tensor");
    }
    // A tensor that already belongs further out (an input passed through) stays where it is.
    return release(tensor, outer);
  }

  /**
   * Hands a tensor of this scope to another one; a tensor that does not belong here stays where it
   * is.
   */
  public Tensor release(Tensor tensor, Scope to) {
    return tensor.owner() == this ? to.keep(tensor) : tensor;
  }

  /** Makes this scope the tensor's owner. */
  public Tensor keep(Tensor tensor) {
    if (closed) {
      throw new IllegalStateException("this scope is closed and can own nothing");
    }
    tensor.moveTo(this);
    owned.add(tensor);
    return tensor;
  }

  static Scope current(String operation) {
    Scope scope = STACK.get().peek();
    if (scope == null) {
      throw new IllegalStateException(
          operation + " makes a tensor, but no Scope is open on this thread: open one around it");
    }
    return scope;
  }

  /** The number of live tensors that this scope owns. */
  public int size() {
    int n = 0;
    for (Tensor t : owned) {
      if (t.owner() == this) {
        n++;
      }
    }
    return n;
  }

  /**
   * Frees every tensor that still belongs to this scope; closing twice does nothing.
   *
   * @throws IllegalStateException if scopes opened inside this one are still open, or on another
   *     thread than the one that opened it
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    if (thread != null) {
      if (thread != Thread.currentThread()) {
        throw new IllegalStateException(
            "a scope is closed by the thread that opened it, " + thread.getName());
      }
      Deque<Scope> stack = STACK.get();
      if (stack.peek() != this) {
        throw new IllegalStateException(
            "a scope opened inside this one is still open: close it first");
      }
      stack.pop();
    }
    closed = true;
    for (int i = owned.size() - 1; i >= 0; i--) {
      Tensor t = owned.get(i);
      if (t.owner() == this) {
        t.free();
      }
    }
    owned.clear();
    if (thread != null) {
      CustomGradient.prune();
    }
  }
}
