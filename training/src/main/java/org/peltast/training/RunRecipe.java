package org.peltast.training;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Trainer;
import org.peltast.runs.ByteSize;

/**
 * The loop.
 *
 * @param updates after which the run is finished
 * @param batch captions an update
 * @param checkpointEvery the longest time that a kill may cost
 * @param keepCheckpoints how many are kept
 * @param looksEvery updates between sample grids; 0 for none
 * @param memory what the process may hold: a batch is computed in as many parts as that takes, with
 *     the same result; null for no limit
 */
public record RunRecipe(
    long updates,
    int batch,
    Duration checkpointEvery,
    int keepCheckpoints,
    int looksEvery,
    @Nullable ByteSize memory) {
  /** With no limit to memory. */
  RunRecipe(
      long updates, int batch, Duration checkpointEvery, int keepCheckpoints, int looksEvery) {
    this(updates, batch, checkpointEvery, keepCheckpoints, looksEvery, null);
  }

  /** Checks the ranges. */
  public RunRecipe {
    if (batch < 1 || batch > 65_536 || looksEvery < 0) {
      throw new IllegalArgumentException(
          "batch must be from 1 to 65536 and looksEvery not negative");
    }
    Ranges.check(() -> new Trainer.Settings(updates, checkpointEvery, keepCheckpoints, 0));
  }

  Trainer.Settings settings(long seed) {
    return new Trainer.Settings(updates, checkpointEvery, keepCheckpoints, seed);
  }
}
