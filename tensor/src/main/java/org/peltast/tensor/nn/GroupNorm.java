package org.peltast.tensor.nn;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/**
 * Zero mean and unit variance over each group of channels and all pixels, then a weight and a bias
 * a channel; in float32 (Wu and He, 2018).
 */
public final class GroupNorm {
  private final Parameter weight; // [channels]
  private final Parameter bias; // [channels]
  private final int groups;
  private final double eps;

  /**
   * Declares {@code weight} and {@code bias} [channels].
   *
   * @throws TensorException if the groups do not divide the channels
   */
  public GroupNorm(Parameters parameters, int groups, long channels, double eps) {
    if (groups < 1 || channels < 1 || channels % groups != 0) {
      throw new TensorException(
          "group norm: " + channels + " channels do not divide into " + groups + " groups");
    }
    this.weight = parameters.declare("weight", Parameters.Init.ones(), channels);
    this.bias = parameters.declare("bias", Parameters.Init.zeros(), channels);
    this.groups = groups;
    this.eps = eps;
  }

  /**
   * Applies the layer.
   *
   * @param x [B, channels, ...], any floating dtype
   * @return the same shape, float32
   */
  public Tensor forward(Tensor x) {
    return x.to(DType.FLOAT32).groupNorm(groups, weight.value(), bias.value(), eps);
  }

  /** The weight [channels]. */
  public Parameter weight() {
    return weight;
  }

  /** The bias [channels]. */
  public Parameter bias() {
    return bias;
  }

  /** The number of groups. */
  public int groups() {
    return groups;
  }

  /** What is added to the variance. */
  public double eps() {
    return eps;
  }
}
