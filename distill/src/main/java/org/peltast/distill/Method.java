package org.peltast.distill;

import java.util.List;
import java.util.Map;
import org.peltast.diffusion.Denoiser;
import org.peltast.tensor.Rng;

/**
 * One way of training: it owns one update, and is pure of files, networks' insides and clocks. The
 * {@link Trainer} owns the loop.
 */
public interface Method extends AutoCloseable {
  /**
   * Where a run stands when an update begins.
   *
   * @param update counted from 0
   * @param updates of the whole run, as far as is known
   * @param changing to be run before anything changes that a checkpoint holds: it waits until one
   *     that is being written is whole
   */
  record Progress(long update, long updates, Runnable changing) {
    /** Where nothing is being written. */
    public Progress(long update, long updates) {
      this(update, updates, () -> {});
    }
  }

  /** The networks that it trains, the one that the run is for first. */
  List<Role> roles();

  /** The denoiser that the run is for; its weights are the raw ones, its role has their average. */
  Denoiser generator();

  /**
   * One update: a function of the roles, the batch and the random stream.
   *
   * @throws DivergedException if a loss or gradient is not finite; the role concerned is untouched
   */
  Figures update(Progress progress, Batch batch, Rng rng);

  /** The weights that observers have adjusted, by name: part of a checkpoint. */
  default Map<String, Double> adjusted() {
    return Map.of();
  }

  /** Adjusts weights again as {@link #adjusted} told: those that are not named are as set. */
  default void adjust(Map<String, Double> weights) {}

  @Override
  void close();
}
