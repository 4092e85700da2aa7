package org.peltast.tensor.nn;

import org.peltast.tensor.DType;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.TensorException;

/** A table of learned vectors, looked up by number. */
public final class Embedding {
  private final Parameter weight; // [count, dim]

  /** Declares {@code weight} [count, dim], standard normal. */
  public Embedding(Parameters parameters, long count, long dim) {
    this(parameters, count, dim, new Parameters.Init.Normal(1));
  }

  /** Declares {@code weight} [count, dim]. */
  public Embedding(Parameters parameters, long count, long dim, Parameters.Init weight) {
    this.weight = parameters.declare("weight", weight, count, dim);
  }

  /**
   * Looks vectors up.
   *
   * @param ids int64 [...], each in [0, count)
   * @return [..., dim] float32
   * @throws TensorException naming the first number that is not in the table
   */
  public Tensor forward(Tensor ids) {
    long[] shape = java.util.Arrays.copyOf(ids.shape(), ids.rank() + 1);
    shape[ids.rank()] = weight.value().size(1);
    return weight.value().indexSelect(0, ids.reshape(ids.count())).to(DType.FLOAT32).reshape(shape);
  }

  /** The table [count, dim]. */
  public Parameter weight() {
    return weight;
  }
}
