package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;

/** What is done to gradients between the backward pass and the optimiser. */
public final class Gradients {
  private Gradients() {}

  /**
   * Adds up the gradients that the shares of a crew gathered, each at its own seat, and scales all
   * so that their joint Euclidean norm is at most {@code limit}.
   *
   * @param limit positive; infinity only measures
   * @return the norm before clipping
   */
  public static double clip(Parameters parameters, double limit) {
    if (!(limit > 0)) {
      throw new TensorException("the clipping norm must be positive, got " + limit);
    }
    List<List<Parameter>> shares = parameters.shares();
    double sum = 0;
    for (double square : Crew.map(shares, Gradients::gather)) {
      sum += square;
    }
    double norm = Math.sqrt(sum);
    if (norm > limit) {
      Crew.each(shares, share -> scale(share, limit / (norm + 1e-6)));
    }
    return norm;
  }

  private static double gather(List<Parameter> share) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      List<Tensor> norms = new ArrayList<>();
      for (Parameter p : share) {
        p.gather();
        Tensor g = p.whole().grad();
        if (g != null) {
          norms.add(g.reshape(-1).norm(false, 0)); // while it is in the cache
        }
      }
      return norms.isEmpty() ? 0 : Math.pow(Tensor.stack(norms, 0).norm(false, 0).item(), 2);
    }
  }

  private static void scale(List<Parameter> share, double factor) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (Parameter p : share) {
        Tensor g = p.whole().grad();
        if (g != null) {
          g.scaleInPlace(factor);
        }
      }
    }
  }
}
