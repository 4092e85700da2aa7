package org.peltast.tensor;

import java.util.ArrayList;
import java.util.List;

/** What is done to gradients between the backward pass and the optimiser. */
public final class Gradients {
  private Gradients() {}

  /**
   * Adds up the gradients that the shares of a crew gathered, each at its own seat.
   *
   * @return their joint Euclidean norm
   */
  public static double norm(Parameters parameters) {
    double sum = 0;
    for (double square : Crew.map(parameters.shares(), Gradients::gather)) {
      sum += square;
    }
    return Math.sqrt(sum);
  }

  /**
   * What gradients of that joint norm must be multiplied by so that it is at most {@code limit}.
   *
   * @param limit positive
   */
  public static double clipping(double norm, double limit) {
    if (!(limit > 0)) {
      throw new TensorException("the clipping norm must be positive, got " + limit);
    }
    return norm > limit ? limit / (norm + 1e-6) : 1;
  }

  /**
   * Adds gradients up as {@link #norm} does, and scales all so that their joint norm is at most
   * {@code limit}.
   *
   * @param limit positive; infinity only measures
   * @return the norm before clipping
   */
  public static double clip(Parameters parameters, double limit) {
    clipping(0, limit);
    double norm = norm(parameters);
    double factor = clipping(norm, limit);
    if (factor < 1) {
      Crew.each(parameters.shares(), share -> scale(share, factor));
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
