package org.peltast.training;

import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.peltast.distill.Trainer;
import org.peltast.models.Backbone;
import org.peltast.runs.ByteSize;
import org.peltast.runs.RunException;
import org.peltast.tensor.Autograd;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.HostMemory;
import org.peltast.tensor.MemoryException;
import org.peltast.tensor.MetaMemory;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameter;
import org.peltast.tensor.nn.Parameters;

/**
 * How much memory an update takes by the networks' shape: what does not depend on the batch, and
 * what each item of it adds while it is computed, counted on the meta device. No machine is
 * measured, so that a run that goes on cuts its batches as it began.
 *
 * @param networks bytes of all weights, their gradients, optimisers and averages
 * @param item bytes that an item of the batch adds
 */
record UpdateMemory(long networks, long item) {
  /** What a trained weight has beside it in float32: AdamW's two moments, the moving average. */
  private static final int TRAINED = 3 * Float.BYTES;

  /** What it has in its own dtype: itself, and its gradients by two threads. */
  private static final int OWN = 3;

  /**
   * Estimates.
   *
   * @param network one of the networks, which are all of one shape; one with adapters where they
   *     share the teacher's weights
   * @param frozen how many are not trained, the teacher among them
   * @param trained how many are
   * @param item bytes that an item of the batch adds, by {@link #item}
   */
  static UpdateMemory of(Backbone network, int frozen, int trained, long item) {
    Parameters own = network.parameters();
    long copy = copies(own.all(), own.precision());
    long shared = 0;
    int alone = frozen;
    if (own.isAdapted()) {
      shared = own.base().stream().mapToLong(Parameter::bytes).sum();
      shared += copies(own.base(), own.precision());
      alone--; // the teacher has no adapters
    }
    return new UpdateMemory(
        shared
            + alone * (own.bytes() + copy)
            + trained * (OWN * own.bytes() + TRAINED * own.count() + 2 * copy),
        item);
  }

  /** In bfloat16 products read float32 weights from copies, forth and, where trained, back. */
  private static long copies(List<Parameter> weights, Precision products) {
    return products == Precision.BF16
        ? weights.stream()
            .filter(p -> p.value().dtype() == DType.FLOAT32)
            .mapToLong(p -> p.bytes() / 2)
            .sum()
        : 0;
  }

  /**
   * Bytes that an item of the batch adds: what an evaluation of it keeps for the backward pass,
   * with all that is made on the way, and what frozen networks make meanwhile.
   *
   * @param network one of the networks
   * @param height of the latents
   * @param width of the latents
   * @param tokens of its caption
   * @param asked how many evaluations of frozen networks are made of it at once
   */
  static long item(Backbone network, int height, int width, int tokens, int asked) {
    Device device = network.parameters().device();
    try (Scope scope = Scope.open();
        MetaMemory memory = MetaMemory.open(device);
        Backbone base = network.outline();
        Backbone outline = base.adapted(network.parameters().adapters())) {
      Backbone counted = network.parameters().isAdapted() ? outline : base;
      counted.parameters().trainable(true).checkpointing(network.parameters().checkpointing());
      evaluate(counted, memory, height, width, tokens, 1, asked); // makes copies for products
      long one = evaluate(counted, memory, height, width, tokens, 1, asked);
      long two = evaluate(counted, memory, height, width, tokens, 2, asked);
      boolean fused = counted.obstacleToFusion() == null;
      return (long) ((two - one) * (1 + HostMemory.reserve(device, fused)));
    }
  }

  /** The most bytes at once, besides what is held before, while items are evaluated. */
  private static long evaluate(
      Backbone network,
      MetaMemory memory,
      int height,
      int width,
      int tokens,
      int items,
      int asked) {
    long before = memory.live();
    memory.begin();
    try (Scope scope = Scope.open()) {
      Tensor answer = evaluate(network, height, width, tokens, items);
      long again = 0;
      if (network.parameters().checkpointing()) {
        long waiting = memory.live();
        answer.sum().backward();
        network.parameters().clearGradients();
        again = waiting + memory.mostAgain() - before;
      }
      if (asked > 0) {
        try (Autograd off = Autograd.off()) {
          evaluate(network, height, width, tokens, items * asked);
        }
      }
      return Math.max(again, memory.peak() - before);
    }
  }

  private static Tensor evaluate(Backbone network, int height, int width, int tokens, int items) {
    Device meta = network.parameters().device();
    return network.forward(
        Tensor.zeros(DType.FLOAT32, meta, items, network.channels(), height, width),
        Tensor.zeros(DType.FLOAT32, meta, items),
        network.read(network.blank(items, tokens)));
  }

  /** Bytes of a process whose updates compute so many items at a time. */
  long needed(int items) {
    return HostMemory.PROCESS + networks + items * item;
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
              size(HostMemory.PROCESS),
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
