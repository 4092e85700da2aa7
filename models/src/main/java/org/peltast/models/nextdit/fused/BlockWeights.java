package org.peltast.models.nextdit.fused;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.peltast.models.nextdit.SandwichBlock;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameter;

/**
 * A block's weights.
 *
 * @param toQ [dim, dim]
 * @param toK [G · headDim, dim] of G heads of keys and values
 * @param toV [G · headDim, dim]
 * @param toOut [dim, dim]
 * @param w1 [hidden, dim]
 * @param w2 [dim, hidden]
 * @param w3 [hidden, dim]
 * @param attentionIn of the norm before attention, [dim]
 * @param attentionOut of the norm after it, [dim]
 * @param feedForwardIn of the norm before the feed-forward, [dim]
 * @param feedForwardOut of the norm after it, [dim]
 * @param query of the norm of queries, [headDim]
 * @param key of the norm of keys, [headDim]
 * @param modulation from the time's embedding to [4 · dim], with bias; null where there is none
 */
record BlockWeights(
    Parameter toQ,
    Parameter toK,
    Parameter toV,
    Parameter toOut,
    Parameter w1,
    Parameter w2,
    Parameter w3,
    Parameter attentionIn,
    Parameter attentionOut,
    Parameter feedForwardIn,
    Parameter feedForwardOut,
    Parameter query,
    Parameter key,
    @Nullable Linear modulation) {
  /** The weights that a block has now and later. */
  static BlockWeights of(SandwichBlock block) {
    return new BlockWeights(
        block.attention().toQ(),
        block.attention().toK(),
        block.attention().toV(),
        block.attention().toOut(),
        block.feedForward().w1(),
        block.feedForward().w2(),
        block.feedForward().w3(),
        block.attentionIn().weight(),
        block.attentionOut().weight(),
        block.feedForwardIn().weight(),
        block.feedForwardOut().weight(),
        block.attention().normQ(),
        block.attention().normK(),
        block.modulation());
  }

  /** The weights of queries, keys, values, attention's answers and the feed-forward. */
  List<Parameter> matrices() {
    return List.of(toQ, toK, toV, toOut, w1, w2, w3);
  }

  /** All of them, the modulation's too. */
  Stream<Parameter> all() {
    Stream<Parameter> norms =
        Stream.of(attentionIn, attentionOut, feedForwardIn, feedForwardOut, query, key);
    Stream<Parameter> modulating =
        modulation == null
            ? Stream.empty()
            : Stream.of(modulation.weight(), modulation.bias()).filter(Objects::nonNull);
    return Stream.of(matrices().stream(), norms, modulating).flatMap(s -> s);
  }
}
