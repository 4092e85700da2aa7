package org.peltast.models.nextdit.fused;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.peltast.tensor.Matrices;
import org.peltast.tensor.nn.Parameter;

/**
 * The weight gradients that one pass through a block is asked for: those of the weights that are
 * trainable when the forward half runs, as libtorch's graph decides it. Products for frozen weights
 * are not computed.
 */
final class WeightGradients {
  private final Set<Parameter> asked = Collections.newSetFromMap(new IdentityHashMap<>());

  private WeightGradients() {}

  /** Those of a block's weights that are trainable now. */
  static WeightGradients of(BlockWeights w) {
    WeightGradients gradients = new WeightGradients();
    w.all().filter(Parameter::isTrainable).forEach(gradients.asked::add);
    return gradients;
  }

  /** A weight whose gradient is asked for; none, an empty list. */
  List<Parameter> any() {
    return asked.stream().limit(1).toList();
  }

  boolean asksFor(Parameter weight) {
    return asked.contains(weight);
  }

  /** Adds {@code dyᵀ x} to a weight's gradient, if it is asked for. */
  void add(Parameter weight, Matrices dy, Matrices x) {
    if (asksFor(weight)) {
      weight.addGradient(dy, x);
    }
  }

  /** Adds numbers to a weight's gradient, if it is asked for. */
  void add(Parameter weight, float[] gradient) {
    if (asksFor(weight)) {
      weight.addGradient(gradient);
    }
  }
}
