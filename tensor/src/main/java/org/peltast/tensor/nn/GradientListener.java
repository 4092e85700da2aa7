package org.peltast.tensor.nn;

/**
 * Is told when contributions to weights' gradients begin and end, on the thread that makes them,
 * while a backward pass runs.
 *
 * <p>A weight may receive several contributions in one backward pass, and from several workers,
 * each into a gradient of its own. What a listener throws ends the backward pass.
 */
public interface GradientListener {
  /**
   * A contribution is about to be added.
   *
   * @param worker whose gradient it is added to, counted from 0
   */
  void begins(Parameter parameter, int worker);

  /** The contribution is part of the worker's gradient now. */
  void ends(Parameter parameter, int worker);
}
