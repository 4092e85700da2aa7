package org.peltast.tensor;

import org.jspecify.annotations.Nullable;

/** One weight of a network: its float32 value, and that value in the dtype of products. */
public final class Parameter {
  private final Parameters owner;
  private final String name;
  private final Parameters.Init init;
  private final Tensor value;
  private @Nullable Tensor cast;
  private int castVersion = -1;

  Parameter(Parameters owner, String name, Parameters.Init init, Tensor value) {
    this.owner = owner;
    this.name = name;
    this.init = init;
    this.value = value;
  }

  /** The full name, as in the checkpoint. */
  public String name() {
    return name;
  }

  Parameters.Init init() {
    return init;
  }

  /** The float32 value. */
  public Tensor value() {
    return value;
  }

  /**
   * The value in the dtype of products. While gradients are recorded the cast is part of the graph;
   * otherwise it is made once and kept until the weights change.
   *
   * <p>The two are kept apart on purpose: a cast made without gradients and reused with them would
   * silently cut the weight off from its gradient.
   */
  public Tensor inProducts() {
    DType wanted = owner.precision().products();
    if (wanted == DType.FLOAT32) {
      return value;
    }
    if (owner.isTrainable() && Autograd.isOn()) {
      return value.to(wanted);
    }
    Tensor kept = cast;
    if (kept == null) {
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        kept = owner.scope().keep(value.to(wanted));
      }
      cast = kept;
      castVersion = owner.version();
    } else if (castVersion != owner.version()) {
      try (Autograd off = Autograd.off()) {
        kept.copyFrom(value);
      }
      castVersion = owner.version();
    }
    return kept;
  }
}
