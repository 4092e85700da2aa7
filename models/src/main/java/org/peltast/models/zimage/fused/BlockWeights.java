package org.peltast.models.zimage.fused;

import org.peltast.tensor.Parameter;

/**
 * A block's matrices; the rest of its weights are in its {@link Factors}.
 *
 * @param toQ [dim, dim]
 * @param toK [dim, dim]
 * @param toV [dim, dim]
 * @param toOut [dim, dim]
 * @param w1 [hidden, dim]
 * @param w2 [dim, hidden]
 * @param w3 [hidden, dim]
 */
public record BlockWeights(
    Parameter toQ,
    Parameter toK,
    Parameter toV,
    Parameter toOut,
    Parameter w1,
    Parameter w2,
    Parameter w3) {}
