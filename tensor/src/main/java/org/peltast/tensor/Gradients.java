package org.peltast.tensor;

import java.util.List;
import java.util.Objects;

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
    List<List<Parameter>> shares = parameters.shares();
    double sum = 0;
    for (double square : Crew.map(shares, Gradients::square)) {
      sum += square;
    }
    double norm = Math.sqrt(sum);
    if (norm > limit) {
      Crew.each(shares, share -> scale(share, limit / (norm + 1e-6)));
    }
    return norm;
  }

  private static double square(List<Parameter> share) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      List<Tensor> norms = present(share).stream().map(g -> g.reshape(-1).norm(false, 0)).toList();
      return norms.isEmpty() ? 0 : Math.pow(Tensor.stack(norms, 0).norm(false, 0).item(), 2);
    }
  }

  private static void scale(List<Parameter> share, double factor) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      present(share).forEach(g -> g.scaleInPlace(factor));
    }
  }

  private static List<Tensor> present(List<Parameter> share) {
    return share.stream().map(p -> p.whole().grad()).filter(Objects::nonNull).toList();
  }
}
