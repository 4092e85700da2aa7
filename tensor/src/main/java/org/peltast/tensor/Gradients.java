package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;

/** What is done to gradients between the backward pass and the optimiser. */
public final class Gradients {
  private Gradients() {}

  /**
   * Scales all gradients so that their joint Euclidean norm is at most {@code limit}.
   *
   * @param limit positive; infinity only measures
   * @return the norm before clipping
   */
  public static double clip(Parameters parameters, double limit) {
    if (!(limit > 0)) {
      throw new TensorException("the clipping norm must be positive, got " + limit);
    }
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      List<Tensor> grads = new ArrayList<>();
      List<Tensor> norms = new ArrayList<>();
      for (Parameter p : parameters.all()) {
        Tensor g = p.value().grad();
        if (g != null) {
          grads.add(g);
          norms.add(g.reshape(-1).norm(false, 0));
        }
      }
      if (norms.isEmpty()) {
        return 0;
      }
      double norm = Tensor.stack(norms, 0).norm(false, 0).item();
      if (norm > limit) {
        double factor = limit / (norm + 1e-6);
        for (Tensor g : grads) {
          g.scaleInPlace(factor);
        }
      }
      return norm;
    }
  }
}
