package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One weight of a network: its float32 value, and that value in the dtype of products.
 *
 * <p>The shares of a {@link Crew} each see the same value with a gradient of its own, so that they
 * can be differentiated side by side; {@link Gradients#clip} adds these up.
 */
public final class Parameter {
  private final Parameters owner;
  private final String name;
  private final Parameters.Init init;
  private final List<Seat> seats = new ArrayList<>(); // the first is the value itself
  private @Nullable Tensor cast;
  private int castVersion = -1;

  /** The value as one seat of a crew sees it. */
  private static final class Seat {
    final Tensor value;
    @Nullable Tensor gradient; // kept memory, in use or not

    Seat(Tensor value) {
      this.value = value;
    }
  }

  Parameter(Parameters owner, String name, Parameters.Init init, Tensor value) {
    this.owner = owner;
    this.name = name;
    this.init = init;
    seats.add(new Seat(value));
  }

  /** The full name, as in the checkpoint. */
  public String name() {
    return name;
  }

  Parameters.Init init() {
    return init;
  }

  /** The float32 value; recorded inside a crew, with the gradient of the share that asks. */
  public Tensor value() {
    return Autograd.isOn() ? seat().value : whole();
  }

  /** The value with the gradient of the whole batch, whoever asks. */
  synchronized Tensor whole() {
    return seats.get(0).value;
  }

  private synchronized Seat seat() {
    int wanted = owner.isTrainable() ? Crew.seat() : 0;
    while (seats.size() <= wanted) {
      try (Scope s = Scope.open()) {
        Tensor same = owner.keep(seats.get(0).value.detach());
        seats.add(new Seat(same.requireGrad(true)));
      }
    }
    return seats.get(wanted);
  }

  /**
   * Adds {@code a b} to the gradient, inside a crew to the share's own. The first product is
   * written to kept memory: fresh memory costs more than what is written to it, and so would zeros.
   *
   * @param a [n, k], float32 or bfloat16
   * @param b [k, m] of the same dtype, where the weight is [n, m]
   */
  public void addGradient(Tensor a, Tensor b) {
    Seat seat = seat();
    Tensor present = seat.value.grad();
    if (present != null) {
      present.addProduct(a, b);
      return;
    }
    Tensor memory = seat.gradient;
    if (memory == null) {
      try (Scope s = Scope.open()) {
        memory = owner.keep(Tensor.zeros(DType.FLOAT32, owner.device(), seat.value.shape()));
      }
      seat.gradient = memory;
    }
    seat.value.accumulateGrad(memory.assignProduct(a, b));
  }

  /** Adds the gradients of all seats to the first's, in order. */
  synchronized void gather() {
    for (Seat seat : seats.subList(1, seats.size())) {
      Tensor g = seat.value.grad();
      if (g != null) {
        seats.get(0).value.accumulateGrad(g);
        seat.value.clearGrad();
      }
    }
  }

  /** Drops the gradients of all seats. */
  synchronized void clearGradients() {
    for (Seat seat : seats) {
      seat.value.clearGrad();
    }
  }

  /** Asks for the gradients of all seats, or no longer. */
  synchronized void trainable(boolean wanted) {
    for (Seat seat : seats) {
      seat.value.requireGrad(wanted);
    }
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
      return value();
    }
    if (owner.isTrainable() && Autograd.isOn()) {
      return value().to(wanted);
    }
    return cast(wanted);
  }

  private synchronized Tensor cast(DType wanted) {
    Tensor value = whole();
    Tensor kept = cast;
    if (kept == null) {
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        kept = owner.keep(value.to(wanted));
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
