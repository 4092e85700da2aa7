package org.peltast.bench;

import java.util.EnumMap;
import java.util.Map;

/**
 * Where the time of an update goes, and how much work the networks did in it: each nanosecond from
 * the update's beginning to its end belongs to one phase. Networks are evaluated by several threads
 * side by side, so an evaluation counts for its thread's part of the time.
 */
final class Ledger {
  /** A pass back costs two forward ones: gradients of inputs and of weights. */
  private static final int WITH_GRADIENT = 3;

  private final int threads;
  private final Map<Phase, Double> seconds = new EnumMap<>(Phase.class);
  private Phase section = Phase.GENERATOR; // whose time it is when no network is evaluated
  private boolean stepping;
  private long since;
  private double operations;
  private long images;
  private long learntImages;

  /** A ledger of updates that so many threads work on. */
  Ledger(int threads) {
    this.threads = threads;
  }

  /** An update begins. */
  synchronized void begin() {
    for (Phase phase : Phase.values()) {
      seconds.put(phase, 0.0);
    }
    section = Phase.GENERATOR;
    stepping = false;
    operations = 0;
    images = 0;
    learntImages = 0;
    since = System.nanoTime();
  }

  /** A network is about to be evaluated, so no role is taking its step any more. */
  synchronized void enter() {
    if (stepping) {
      book();
      stepping = false;
      section = Phase.FAKE; // the generator's step is over; all that follows is the fake's
    }
  }

  /**
   * A network was evaluated.
   *
   * @param nanos the time that it took
   * @param of how many images
   */
  synchronized void leave(
      Phase phase, long nanos, double forwardOperations, long of, boolean gradient) {
    double own = nanos / 1e9 / threads;
    seconds.merge(phase, own, Double::sum);
    seconds.merge(section, -own, Double::sum); // it will be booked there with all the rest
    operations += forwardOperations * (gradient ? WITH_GRADIENT : 1);
    if (gradient) {
      learntImages += of;
    } else {
      images += of;
    }
  }

  /** A role takes its step. */
  synchronized void step() {
    book();
    stepping = true;
  }

  /** The update ends. */
  synchronized void end() {
    book();
  }

  private void book() {
    long now = System.nanoTime();
    seconds.merge(stepping ? Phase.OPTIMISER : section, (now - since) / 1e9, Double::sum);
    since = now;
  }

  /** Seconds by phase, of the last update. */
  synchronized Map<Phase, Double> seconds() {
    return new EnumMap<>(seconds);
  }

  /** Floating-point operations of the last update, in 1e9. */
  synchronized double gflop() {
    return operations / 1e9;
  }

  /** Images evaluated without gradient. */
  synchronized long images() {
    return images;
  }

  /** Images evaluated to be learnt from. */
  synchronized long learntImages() {
    return learntImages;
  }
}
