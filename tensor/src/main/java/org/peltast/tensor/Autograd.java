package org.peltast.tensor;

import org.bytedeco.pytorch.AutoGradMode;

/** Switches the recording of gradients off for a while. */
public final class Autograd implements AutoCloseable {
  private final AutoGradMode mode;

  private Autograd(boolean on) {
    mode = new AutoGradMode(on);
  }

  /** Until closed, nothing that this thread computes is recorded for differentiation. */
  public static Autograd off() {
    return new Autograd(false);
  }

  /** Until closed, what this thread computes is recorded again: for use inside {@link #off}. */
  public static Autograd on() {
    return new Autograd(true);
  }

  /** Whether this thread records what it computes. */
  public static boolean isOn() {
    return org.bytedeco.pytorch.GradMode.is_enabled();
  }

  @Override
  public void close() {
    mode.close();
  }
}
