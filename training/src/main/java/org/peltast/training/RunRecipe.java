package org.peltast.training;

import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Trainer;
import org.peltast.runs.ByteSize;

/**
 * The loop.
 *
 * @param updates after which the run is finished
 * @param batch captions an update, over all processes
 * @param microBatches in how many parts each thread computes its share of a batch, one after
 *     another, with the same result in less memory
 * @param checkpointEvery the longest time that a kill may cost
 * @param keepCheckpoints how many are kept
 * @param looksEvery updates between sample grids; 0 for none
 * @param memory what the process may hold: a batch is computed in as many parts as that takes, with
 *     the same result; null for no limit
 */
public record RunRecipe(
    long updates,
    int batch,
    int microBatches,
    Duration checkpointEvery,
    int keepCheckpoints,
    int looksEvery,
    @Nullable ByteSize memory) {
  /** With no limit to memory. */
  RunRecipe(
      long updates, int batch, Duration checkpointEvery, int keepCheckpoints, int looksEvery) {
    this(updates, batch, 1, checkpointEvery, keepCheckpoints, looksEvery, null);
  }

  /** Checks the ranges. */
  public RunRecipe {
    if (batch < 1 || batch > 65_536 || looksEvery < 0) {
      throw new IllegalArgumentException(
          "batch must be from 1 to 65536 and looksEvery not negative");
    }
    if (microBatches < 1) {
      throw new IllegalArgumentException("a batch is computed in at least one part");
    }
    if (microBatches > batch) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "microBatches is %d, but a batch of %d has no more parts than that",
              microBatches,
              batch));
    }
    Ranges.check(() -> new Trainer.Settings(updates, checkpointEvery, keepCheckpoints, 0));
  }

  /**
   * The trainer's.
   *
   * @param parts in how many a thread computes its share of a batch
   */
  Trainer.Settings settings(long seed, int parts) {
    return new Trainer.Settings(updates, checkpointEvery, keepCheckpoints, seed, parts);
  }
}
