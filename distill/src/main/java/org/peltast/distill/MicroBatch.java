package org.peltast.distill;

import java.util.HashMap;
import java.util.Map;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;

/**
 * Some consecutive items of an update's batch, computed at once by one thread. It lives as long as
 * the update, so that one phase can keep tensors for a later one.
 */
public final class MicroBatch implements AutoCloseable {
  private final Batch batch;
  private final double share;
  private final Scope scope = Scope.detached();
  private final Map<String, Tensor> kept = new HashMap<>();

  MicroBatch(Batch batch, double share) {
    this.batch = batch;
    this.share = share;
  }

  /** The items. */
  public Batch batch() {
    return batch;
  }

  /** Its share of the whole batch, over all processes, in (0, 1]. */
  public double share() {
    return share;
  }

  /** Keeps a tensor, detached, for a later phase on the same batch; it replaces an earlier one. */
  public void keep(String name, Tensor tensor) {
    kept.put(name, scope.keep(tensor.detach()));
  }

  /**
   * What an earlier phase kept.
   *
   * @throws IllegalStateException if none did
   */
  public Tensor kept(String name) {
    Tensor tensor = kept.get(name);
    if (tensor == null) {
      throw new IllegalStateException("no earlier phase of this update kept " + name);
    }
    return tensor;
  }

  @Override
  public void close() {
    scope.close();
  }
}
