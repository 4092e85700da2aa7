package org.peltast.models.nextdit;

import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.peltast.models.nextdit.fused.FusedBlocks;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Rng;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.kernels.Fused;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/** What tests that hold fused blocks to plain ones have in common. */
public final class FusedAgainstPlain {
  private FusedAgainstPlain() {}

  /** Skips what this machine cannot compute by the kernels, as the product would not. */
  public static void assumeFusion(Precision precision) {
    String obstacle =
        FusedBlocks.obstacle(Device.CPU, precision.products(), Fused.width(), Fused.width());
    Assumptions.assumeTrue(obstacle == null, () -> "" + obstacle);
  }

  /**
   * Weights to be trained, none at a value that hides a term: no zero heads, no norm weights of
   * one.
   */
  public static void initialise(Parameters p, Rng rng) {
    p.initialise(rng.fork("weights"));
    try (Scope s = Scope.open();
        Autograd off = Autograd.off()) {
      for (Parameter q : p.all()) {
        q.value().copyFrom(q.value().add(rng.fork(q.name()).normal(q.value().shape()).mul(0.1)));
      }
    }
    p.trainable(true);
  }

  /** Adds every weight's gradient by its name; zeros where nothing reached it. */
  public static void putGradients(Parameters p, Map<String, Tensor> all) {
    for (Parameter q : p.all()) {
      Tensor g = q.value().grad();
      all.put(q.name(), g == null ? Tensor.zeros(q.value().shape()) : g);
    }
  }

  /** The root-mean-square difference in units of the wanted's own size. */
  public static double error(Tensor actual, Tensor wanted) {
    double size = wanted.square().mean().sqrt().item();
    double error = actual.sub(wanted).square().mean().sqrt().item();
    return error / Math.max(size, 1e-3);
  }
}
