package org.peltast.tensor;

import java.util.function.Supplier;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.jspecify.annotations.Nullable;

/**
 * When libtorch's own contributions to leaves' gradients end. It calls before it adds one and not
 * after; but a thread adds one after another, so that one has ended when the next begins, or when
 * the walk through the graph is over.
 */
final class Contributions {
  private static final ThreadLocal<Tensor.@Nullable Watch> BEGUN = new ThreadLocal<>();

  private Contributions() {}

  /** Tells that what this thread began is over. */
  static void end() {
    Tensor.Watch begun = BEGUN.get();
    if (begun != null) {
      BEGUN.remove();
      begun.ends();
    }
  }

  /**
   * Called by libtorch before it adds to the leaf's gradient. Whoever registers one keeps it:
   * libtorch holds it weakly.
   */
  static final class Hook extends VoidTensorHook {
    private static final long serialVersionUID = 1L;

    private final transient Supplier<Tensor.@Nullable Watch> watch;

    Hook(Supplier<Tensor.@Nullable Watch> watch) {
      this.watch = watch;
    }

    @Override
    public void call(TensorBase gradient) {
      gradient.close(); // it is a handle of its own, which nobody else frees
      Tensor.Watch told = watch.get();
      if (told != null) {
        told.begins(); // ends what was begun before
        BEGUN.set(told);
      }
    }
  }
}
