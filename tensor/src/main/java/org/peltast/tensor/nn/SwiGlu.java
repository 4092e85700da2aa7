package org.peltast.tensor.nn;

import java.util.List;
import org.peltast.tensor.Tensor;

/** The gated feed-forward layer {@code W₂(silu(W₁x) ⊙ W₃x)} (Shazeer, 2020), without biases. */
public final class SwiGlu {
  private final Linear w1; // [hidden, dim]
  private final Linear w2; // [dim, hidden]
  private final Linear w3; // [hidden, dim]

  /**
   * Declares {@code w1.weight}, {@code w3.weight} [hidden, dim], {@code w2.weight} [dim, hidden].
   */
  public SwiGlu(Parameters parameters, long dim, long hidden) {
    this(
        new Linear(parameters.at("w1"), dim, hidden, false),
        new Linear(parameters.at("w2"), hidden, dim, false),
        new Linear(parameters.at("w3"), dim, hidden, false));
  }

  /**
   * Of layers without biases, which have names of their own.
   *
   * @param w1 W₁ [hidden, dim]
   * @param w2 W₂ [dim, hidden]
   * @param w3 W₃ [hidden, dim]
   */
  public SwiGlu(Linear w1, Linear w2, Linear w3) {
    this.w1 = w1;
    this.w2 = w2;
    this.w3 = w3;
  }

  /**
   * Applies the layer.
   *
   * @param x [..., dim], any floating dtype
   * @return [..., dim] in the product dtype
   */
  public Tensor forward(Tensor x) {
    List<Tensor> halves = Linear.together(x, w1, w3).chunk(2, -1); // [..., hidden] each
    return w2.forward(halves.get(0).silu().mul(halves.get(1)));
  }

  /** W₁ [hidden, dim]. */
  public Parameter w1() {
    return w1.weight();
  }

  /** W₂ [dim, hidden]. */
  public Parameter w2() {
    return w2.weight();
  }

  /** W₃ [hidden, dim]. */
  public Parameter w3() {
    return w3.weight();
  }
}
