package org.peltast.cli.bench;

import java.util.EnumMap;
import java.util.Map;

/**
 * Where the time of an update goes, and how much work the networks did in it: each nanosecond from
 * the update's beginning to its end belongs to one phase.
 */
final class Ledger {
  /** A pass back costs two forward ones: gradients of inputs and of weights. */
  private static final int WITH_GRADIENT = 3;

  private final Map<Phase, Double> seconds = new EnumMap<>(Phase.class);
  private Phase between = Phase.GENERATOR;
  private long since;
  private double operations;
  private int evaluations;
  private int learningEvaluations;

  /** An update begins. */
  void begin() {
    for (Phase phase : Phase.values()) {
      seconds.put(phase, 0.0);
    }
    between = Phase.GENERATOR;
    operations = 0;
    evaluations = 0;
    learningEvaluations = 0;
    since = System.nanoTime();
  }

  /** A network is entered: what came before was not its. */
  void enter() {
    book(between);
    if (between == Phase.OPTIMISER) {
      between = Phase.FAKE; // the generator's step is over; all that follows is the fake's
    }
  }

  /** A network answered. */
  void leave(Phase phase, double forwardOperations, boolean gradient) {
    book(phase);
    operations += forwardOperations * (gradient ? WITH_GRADIENT : 1);
  }

  /** Counts an evaluation of a network on the whole batch. */
  void count(boolean gradient, int batches) {
    if (gradient) {
      learningEvaluations += batches;
    } else {
      evaluations += batches;
    }
  }

  /** A role takes its step. */
  void step() {
    book(between);
    between = Phase.OPTIMISER;
  }

  /** The update ends. */
  void end() {
    book(between);
  }

  private void book(Phase phase) {
    long now = System.nanoTime();
    seconds.merge(phase, (now - since) / 1e9, Double::sum);
    since = now;
  }

  /** Seconds by phase, of the last update. */
  Map<Phase, Double> seconds() {
    return new EnumMap<>(seconds);
  }

  /** Floating-point operations of the last update, in 1e9. */
  double gflop() {
    return operations / 1e9;
  }

  /** Evaluations of the batch without gradient. */
  int evaluations() {
    return evaluations;
  }

  /** Evaluations of the batch that are learnt from. */
  int learningEvaluations() {
    return learningEvaluations;
  }
}
