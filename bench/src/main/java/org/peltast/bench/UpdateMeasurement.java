package org.peltast.bench;

import java.util.Map;

/**
 * One update as it was measured.
 *
 * @param seconds of wall time, batch included
 * @param gflop work of the networks, in 1e9 operations
 * @param evaluations of the batch by a network, without gradient
 * @param learningEvaluations of the batch by a network, with gradient
 * @param parts seconds by part; together what the executor spent
 */
public record UpdateMeasurement(
    double seconds,
    double gflop,
    int evaluations,
    int learningEvaluations,
    Map<UpdatePart, Double> parts) {}
