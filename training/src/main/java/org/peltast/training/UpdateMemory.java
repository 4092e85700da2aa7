package org.peltast.training;

import java.util.Locale;
import java.util.function.Supplier;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.runs.ByteSize;
import org.peltast.runs.RunException;
import org.peltast.tensor.MemoryException;
import org.peltast.tensor.Precision;

/**
 * How much memory an update takes, estimated from the networks' shape: what does not depend on the
 * batch, and what each item of it adds while it is computed. It is an estimate and not a
 * measurement so that a run that goes on cuts its batches as it began.
 *
 * @param networks bytes of all weights, their gradients, optimisers and averages
 * @param item bytes that an item of the batch adds
 */
record UpdateMemory(long networks, long item) {
  /** The JVM, libtorch and the allocator's reserves, measured with a network of no size. */
  private static final long PROCESS = 700L << 20;

  /**
   * A trained weight, its gradients by two threads, AdamW's two moments, the moving average:
   * float32 each.
   */
  private static final int TRAINED = 6 * Float.BYTES;

  /**
   * Estimates.
   *
   * @param network one of the networks, which are all of one shape; one with adapters where they
   *     share the teacher's weights
   * @param frozen how many are not trained, the teacher among them
   * @param trained how many are
   * @param item bytes that an item of the batch adds, by {@link Backbone#cost}
   */
  static UpdateMemory of(Backbone network, int frozen, int trained, long item) {
    long weights = network.parameters().count();
    // In bfloat16 products read weights from copies, forth and, where they are trained, back.
    int copy = network.parameters().precision() == Precision.BF16 ? 2 : 0;
    long shared = 0;
    int alone = frozen;
    if (network.parameters().isAdapted()) {
      shared = network.parameters().base().stream().mapToLong(p -> p.value().count()).sum();
      alone--; // the teacher has no adapters
    }
    return new UpdateMemory(
        shared * (Float.BYTES + copy)
            + weights * (alone * (Float.BYTES + copy) + trained * (TRAINED + 2 * copy)),
        item);
  }

  /** Bytes of a process whose updates compute so many items at a time. */
  long needed(int items) {
    return PROCESS + networks + items * item;
  }

  /**
   * In how many parts a batch is computed to stay within the run's budget.
   *
   * @param atLeast parts that the recipe asks for anyway
   * @throws RunException if a single item is too much
   */
  int parts(RunRecipe run, int atLeast) {
    ByteSize budget = run.memory();
    if (budget == null) {
      return atLeast;
    }
    long items = (budget.bytes() - needed(0)) / item;
    if (budget.bytes() < needed(1)) {
      throw new RunException(
          String.format(
              Locale.ROOT,
              "a memory of %s is too little: networks and optimisers take %s, the process %s and a single item of the batch %s; allow at least %s (--memory, run.memory), or use a smaller model.",
              budget,
              size(networks),
              size(PROCESS),
              size(item),
              size(needed(1) + (1 << 20))));
    }
    int parts = atLeast;
    while ((run.batch() + parts - 1) / parts > items) {
      parts++;
    }
    return parts;
  }

  /**
   * Runs, and tells what was asked, who uses what and which setting helps if memory ends.
   *
   * @throws RunException that tells it
   */
  Trainer.End watch(RunRecipe run, Supplier<Trainer.End> body) {
    try {
      return body.get();
    } catch (MemoryException e) {
      throw ended(run, String.valueOf(e.getMessage()), e);
    } catch (OutOfMemoryError e) {
      throw ended(
          run,
          String.format(
              Locale.ROOT,
              "the Java heap's limit of %s was reached (%s)",
              size(Runtime.getRuntime().maxMemory()),
              e.getMessage()),
          e);
    }
  }

  private RunException ended(RunRecipe run, String asked, Throwable cause) {
    Runtime java = Runtime.getRuntime();
    ByteSize budget = run.memory();
    return new RunException(
        String.format(
            Locale.ROOT,
            "out of memory: %s; of what this run holds, networks and optimisers are %s, the Java heap %s, and each of the batch's %d items about %s while it is computed; lower run.batch, or compute the batch in parts by a smaller --memory (run.memory, now %s).",
            asked,
            size(networks),
            size(java.totalMemory() - java.freeMemory()),
            run.batch(),
            size(item),
            budget == null ? "not set" : budget),
        cause);
  }

  private static String size(long bytes) {
    return bytes < 1L << 30
        ? String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1L << 20))
        : String.format(Locale.ROOT, "%.2f GiB", bytes / (double) (1L << 30));
  }
}
