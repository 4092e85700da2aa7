package org.peltast.models.zimage;

import java.util.List;
import org.peltast.tensor.DType;
import org.peltast.tensor.Linear;
import org.peltast.tensor.Parameter;
import org.peltast.tensor.Parameters;
import org.peltast.tensor.Tensor;

/** SwiGLU: {@code W₂(silu(W₁x) ⊙ W₃x)}. */
final class FeedForward {
  private final Linear w1; // [hidden, dim]
  private final Linear w2; // [dim, hidden]
  private final Linear w3; // [hidden, dim]

  FeedForward(Parameters p, int dim, int hidden) {
    w1 = new Linear(p.at("w1"), dim, hidden, false);
    w2 = new Linear(p.at("w2"), hidden, dim, false);
    w3 = new Linear(p.at("w3"), dim, hidden, false);
  }

  /**
   * Applies the layer to each token.
   *
   * @param x [B, S, dim]
   * @return [B, S, dim] in the product dtype
   */
  Tensor forward(Tensor x) {
    DType products = w1.weight().inProducts().dtype();
    Tensor both = Tensor.cat(List.of(w1.weight().inProducts(), w3.weight().inProducts()), 0);
    List<Tensor> halves = x.to(products).linear(both, null).chunk(2, -1); // [B, S, hidden] each
    return w2.forward(halves.get(0).silu().mul(halves.get(1)));
  }

  Parameter w1() {
    return w1.weight();
  }

  Parameter w2() {
    return w2.weight();
  }

  Parameter w3() {
    return w3.weight();
  }
}
