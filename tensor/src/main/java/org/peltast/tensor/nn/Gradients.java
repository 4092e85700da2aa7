package org.peltast.tensor.nn;

import java.util.ArrayList;
import java.util.List;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.WorkerPool;

/** What is done to gradients between the backward pass and the optimiser. */
public final class Gradients {
  private Gradients() {}

  /**
   * What an optimiser is to do with gradients before its step, decided where they are: scale them
   * so that their joint norm is at most the limit, and take no step at all if it is not finite.
   *
   * @param norm of one element, from {@link #norm}
   * @param limit positive
   */
  public record Clip(Tensor norm, double limit) {
    /** Checks the range. */
    public Clip {
      requireLimit(limit);
      if (norm.count() != 1) {
        throw new TensorException("gradients have one joint norm, got " + norm);
      }
    }

    /** What gradients are divided by, [1] float32. */
    Tensor divisor() {
      return norm.reshape(1).to(DType.FLOAT32).add(1e-6).mul(1 / limit).clamp(1, Float.MAX_VALUE);
    }

    /** 1 if there is to be no step, else 0: [1] float32. */
    Tensor skip() {
      return norm.reshape(1).to(DType.FLOAT32).mul(0).finiteOr(1);
    }
  }

  private static void requireLimit(double limit) {
    if (!(limit > 0)) {
      throw new TensorException("the clipping norm must be positive, got " + limit);
    }
  }

  /**
   * Adds up the gradients that the shares of a worker pool computed, each in its own worker.
   *
   * @return their joint Euclidean norm, of one element, where they are
   */
  public static Tensor norm(Parameters parameters) {
    try (Scope kept = Scope.detached()) {
      List<Tensor> norms = WorkerPool.map(parameters.shares(), share -> partialNorms(share, kept));
      return Tensor.cat(norms, 0).norm(false, 0);
    }
  }

  /**
   * The Euclidean norm of each of some weights' gradients, workers' added up.
   *
   * @param some of these parameters
   * @return as many numbers; -1 where there is no gradient
   */
  public static float[] norms(Parameters parameters, List<Parameter> some) {
    parameters.requireOwn(some);
    if (some.isEmpty()) {
      return new float[0];
    }
    List<float[]> parts = WorkerPool.map(parameters.shares(some), Gradients::norms);
    float[] all = new float[some.size()];
    int at = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }

  private static float[] norms(List<Parameter> share) {
    float[] norms = new float[share.size()];
    for (int i = 0; i < norms.length; i++) {
      try (Scope s = Scope.open();
          Autograd off = Autograd.off()) {
        Parameter p = share.get(i);
        p.reduceGradients();
        Tensor g = p.whole().grad();
        norms[i] = g == null ? -1 : (float) norm(g).item();
      }
    }
    return norms;
  }

  /**
   * Adds gradients up as {@link #norm} does, and scales all so that their joint norm is at most
   * {@code limit}.
   *
   * @param limit positive; infinity only measures
   * @return the norm before clipping
   */
  public static double clip(Parameters parameters, double limit) {
    requireLimit(limit);
    try (Scope s = Scope.open()) {
      double norm = norm(parameters).item();
      if (norm > limit) {
        WorkerPool.each(parameters.shares(), share -> scale(share, limit / (norm + 1e-6)));
      }
      return norm;
    }
  }

  /** [n] float32, of which the norm is the share's. */
  private static Tensor partialNorms(List<Parameter> share, Scope kept) {
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      List<Tensor> norms = new ArrayList<>();
      for (Parameter p : share) {
        p.reduceGradients();
        Tensor g = p.whole().grad();
        if (g != null) {
          norms.add(norm(g)); // while it is in the cache
        }
      }
      Tensor all =
          norms.isEmpty()
              ? Tensor.zeros(DType.FLOAT32, share.get(0).whole().device(), 1)
              : Tensor.stack(norms, 0);
      synchronized (kept) {
        return s.release(all, kept);
      }
    }
  }

  private static Tensor norm(Tensor gradient) {
    return Scope.compute(() -> gradient.to(DType.FLOAT32).reshape(-1).norm(false, 0));
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
