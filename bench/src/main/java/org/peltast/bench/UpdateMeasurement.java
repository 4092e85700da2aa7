package org.peltast.bench;

import java.util.Map;

/**
 * One update as it was measured.
 *
 * @param seconds of wall time, batch included
 * @param gflop work of the networks, in 1e9 operations
 * @param evaluations of the batch by a network, without gradient
 * @param learningEvaluations of the batch by a network, with gradient
 * @param phases seconds by phase
 */
public record UpdateMeasurement(
    double seconds,
    double gflop,
    int evaluations,
    int learningEvaluations,
    Map<Phase, Double> phases) {}
