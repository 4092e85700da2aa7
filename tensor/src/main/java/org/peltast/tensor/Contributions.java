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
  private static final ThreadLocal<@Nullable GradientWatch> BEGUN = new ThreadLocal<>();

  private Contributions() {}

  /** Tells that what this thread began is over. */
  static void end() {
    GradientWatch begun = BEGUN.get();
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

    private final transient Supplier<@Nullable GradientWatch> watch;

    Hook(Supplier<@Nullable GradientWatch> watch) {
      this.watch = watch;
    }

    @Override
    public void call(TensorBase gradient) {
      gradient.close(); // it is a handle of its own, which nobody else frees
      GradientWatch told = watch.get();
      if (told != null) {
        end();
        told.begins();
        BEGUN.set(told);
      }
    }
  }
}
