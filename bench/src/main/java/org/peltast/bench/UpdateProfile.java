package org.peltast.bench;

import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.distill.Metrics;
import org.peltast.distill.Phase;

/**
 * The profile of an update: its time by {@link UpdatePart}, and the floating-point operations of
 * the networks evaluated in it.
 *
 * <p>How long each phase and the optimiser took is what the {@link
 * org.peltast.distill.UpdateExecutor} notes. Within a phase, evaluations of some networks are parts
 * of their own, such as the teacher's in the generator's phase: their time is moved there from the
 * phase's, so that each nanosecond belongs to one part. Several threads evaluate networks side by
 * side, so an evaluation counts for its thread's share of the time.
 */
final class UpdateProfile {
  /** A backward pass costs two forward ones: gradients of inputs and of weights. */
  private static final int WITH_GRADIENT = 3;

  private final int threads;
  private final Map<UpdatePart, Double> moved = new EnumMap<>(UpdatePart.class); // seconds
  private @Nullable Phase running;
  private double operations;
  private long images;
  private long learntImages;

  /** A profile of updates that so many threads work on. */
  UpdateProfile(int threads) {
    this.threads = threads;
  }

  /** A micro-batch of this phase is computed; micro-batches of two phases never are at once. */
  synchronized void running(Phase phase) {
    running = phase;
  }

  /**
   * A network was evaluated.
   *
   * @param part that the time belongs to
   * @param nanos the time that it took
   * @param forwardOperations of the evaluation, without gradient
   * @param of how many images
   * @param gradient whether it is learnt from
   */
  synchronized void evaluated(
      UpdatePart part, long nanos, double forwardOperations, long of, boolean gradient) {
    if (running == null) {
      throw new IllegalStateException("a network was evaluated outside of any phase");
    }
    double own = nanos / 1e9 / threads;
    moved.merge(part, own, Double::sum);
    moved.merge(UpdatePart.of(running), -own, Double::sum);
    operations += forwardOperations * (gradient ? WITH_GRADIENT : 1);
    if (gradient) {
      learntImages += of;
    } else {
      images += of;
    }
  }

  /**
   * The update that has ended; what is booked next belongs to another.
   *
   * @param metrics the executor's: seconds of every phase that ran and of the optimiser
   * @param phases that ran
   * @param batch images of a batch
   */
  synchronized UpdateMeasurement end(Metrics metrics, Iterable<Phase> phases, int batch) {
    Map<UpdatePart, Double> seconds = new EnumMap<>(UpdatePart.class);
    for (UpdatePart part : UpdatePart.values()) {
      seconds.put(part, moved.getOrDefault(part, 0.0));
    }
    for (Phase phase : phases) {
      seconds.merge(UpdatePart.of(phase), metrics.get("seconds." + phase.name()), Double::sum);
    }
    seconds.merge(UpdatePart.OPTIMISER, metrics.get("seconds.optimiser"), Double::sum);
    UpdateMeasurement measured =
        new UpdateMeasurement(
            metrics.get("seconds"),
            operations / 1e9,
            (int) (images / batch),
            (int) (learntImages / batch),
            seconds);
    moved.clear();
    running = null;
    operations = 0;
    images = 0;
    learntImages = 0;
    return measured;
  }
}
